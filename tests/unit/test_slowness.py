"""Why a request was slow, in one word."""

from __future__ import annotations

from otel.contract.values import Outcome, SlowReason, Stage
from server.record import RequestRecord, Synthesis
from server.telemetry.slowness import Slowness
from server.utterance import BatchPeers, Interval, Utterance
from tests.humming_provider import JOE, KAN

USUAL = {Stage.QUEUE: 0.01, Stage.INFER: 0.2, Stage.DECODE: 0.5, Stage.ENCODE: 0.01}


def finished(audio: float = 10.0, voice=JOE, **seconds: float) -> RequestRecord:
    record = RequestRecord("id", "/tts", "POST")
    record.synthesis = Synthesis(Utterance("x", voice, voice.languages[0], 30, 150))
    record.audio_seconds = audio
    for stage, usual in {**USUAL, **{Stage(name): value for name, value in seconds.items()}}.items():
        record.add(Interval(stage, 0, int(usual * 1e9)))
    record.finish(Outcome.OK, 200)
    return record


def learned() -> Slowness:
    slowness = Slowness()
    for _ in range(50):
        slowness.learn(finished())
    return slowness


def test_the_stage_with_the_greatest_excess_is_the_reason() -> None:
    slowness = learned()
    assert slowness.reason(finished(queue=3.0), slow=True) is SlowReason.QUEUE
    assert slowness.reason(finished(encode=1.0, queue=0.5), slow=True) is SlowReason.ENCODE
    assert slowness.reason(finished(infer=2.0), slow=True) is SlowReason.OTHER


def test_much_speech_explains_much_work() -> None:
    slowness = learned()
    assert slowness.reason(finished(audio=20.0, decode=1.0), slow=True) is SlowReason.LONG_TEXT
    assert slowness.reason(finished(audio=11.0, decode=1.0), slow=True) is SlowReason.OTHER


def test_work_for_the_sake_of_longer_mates_is_padding() -> None:
    slowness = learned()
    for mates, reason in (
        (BatchPeers(("another",), padding=0.8), SlowReason.PADDING),
        (BatchPeers(("another",) * 15, padding=0.8), SlowReason.PADDING),
        (BatchPeers(("another",) * 15, padding=0.1), SlowReason.OTHER),
    ):
        padded = finished()
        padded.add(Interval(Stage.INFER, 0, 40 * 10**9, mates))
        assert slowness.reason(padded, slow=True) is reason


def test_padding_explains_nothing_where_the_wait_was_longer() -> None:
    padded = finished(queue=30.0)
    padded.add(Interval(Stage.DECODE, 0, 10 * 10**9, BatchPeers(("another",), padding=0.9)))
    assert learned().reason(padded, slow=True) is SlowReason.QUEUE


def test_the_first_request_of_a_voice_is_cold() -> None:
    slowness = learned()
    assert slowness.reason(finished(voice=KAN, decode=5.0), slow=True) is SlowReason.COLD_MODEL
    slowness.learn(finished(voice=KAN))
    assert slowness.reason(finished(voice=KAN, queue=5.0), slow=True) is SlowReason.QUEUE


def test_a_client_is_slow_when_it_reads_slower_than_one_listens() -> None:
    slowness = learned()
    assert slowness.reason(finished(send=11.0), slow=False) is SlowReason.SLOW_CLIENT
    assert slowness.reason(finished(send=9.0), slow=False) is None
    assert slowness.reason(finished(audio=0.5, send=0.9), slow=False) is None
    assert slowness.reason(finished(send=60.0, queue=3.0), slow=True) is SlowReason.QUEUE
