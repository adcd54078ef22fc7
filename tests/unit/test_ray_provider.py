"""The provider ray without a cluster: its clock, its messages, its replicas' speed, and what it reports."""

from __future__ import annotations

import logging
import pickle
from collections.abc import AsyncGenerator

import numpy as np
import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from otel.contract.values import Stage
from server.errors import EngineFailed, NothingToSpeak, ReplicaLost, ShuttingDown, TextTooLong
from server.providers import ray as module
from server.providers.provider import Load
from server.providers.ray import RayProvider
from server.providers.ray_clock import clock_offset, local_interval
from server.providers.ray_messages import (
    INLINE_SAMPLES,
    ChunkMessage,
    FailureMessage,
    ReplicaDescription,
    ReplicaRequest,
    small_chunks,
)
from server.ray_serve.autoscaling import AUDIO_SECONDS, AudioSecondsPolicy
from server.utterance import BatchPeers, Chunk, Interval, Listener, Utterance, Word
from tests.counting_engine import until
from tests.humming_provider import JOE, KAN, Told
from tests.provider_speech import WHOLE

UTTERANCE = Utterance("Hello world.", JOE, "en", 2, 12)
SOUND = np.linspace(-0.5, 0.5, 50_000, dtype=np.float32)
DAY = 86_400 * 10**9
"""What another machine's clock may be ahead, in ns."""


class Link:
    """Replicas of a cluster, as the provider sees them."""

    def __init__(self, *messages: ChunkMessage | FailureMessage) -> None:
        self.messages = messages
        self.replicas = 2
        self.voices = (JOE,)
        self.requests: list[ReplicaRequest] = []
        self.closed = 0

    def open(self) -> None: ...

    def running_replicas(self) -> int:
        return self.replicas

    async def describe(self) -> ReplicaDescription:
        if not self.replicas:
            raise ReplicaLost("lost")
        return ReplicaDescription(self.voices, {"joe": frozenset("ab")})

    async def speak(self, request: ReplicaRequest) -> AsyncGenerator[ChunkMessage | FailureMessage, None]:
        self.requests.append(request)
        try:
            for message in self.messages:
                yield message
        finally:
            self.closed += 1

    def close(self) -> None: ...


class Reports(Told):
    def __init__(self) -> None:
        super().__init__()
        self.states: list[str] = []

    def stopped(self) -> None:
        self.states.append("stopped")

    def resumed(self) -> None:
        self.states.append("resumed")


def message(chunk: Chunk, replica: str = "r1", rate: float = 10.0, received: int = 0, sent: int = 0) -> ChunkMessage:
    return ChunkMessage(chunk, replica, rate, received, sent)


async def started(link: Link, reports: Reports | None = None, voices: tuple[object, ...] = (JOE, KAN)) -> RayProvider:
    provider = RayProvider(voices, link=link, max_audio_seconds=60.0, log=logging.getLogger("test"))  # type: ignore[arg-type]
    await provider.start(reports or Reports())
    return provider


async def said(provider: RayProvider, listener: Listener = WHOLE) -> list[Chunk]:
    return [chunk async for chunk in provider.speak(UTTERANCE, listener)]


@pytest.mark.parametrize("ahead", [0, DAY, -DAY])
def test_a_replica_s_times_lie_between_the_request_and_the_answer(ahead: int) -> None:
    called, arrived, received, sent = 1_000_000, 9_000_000, 2_000_000, 8_000_000
    offset = clock_offset(called, received + ahead, sent + ahead, arrived)
    interval = local_interval(Interval(Stage.INFER, received + ahead, sent + ahead), offset, "r1")
    assert called <= interval.start < interval.end <= arrived
    assert interval.replica == "r1"
    assert abs(offset - ahead) <= (arrived - called - (sent - received)) / 2


def test_the_clock_of_the_same_machine_is_not_corrected() -> None:
    assert clock_offset(1_000, 1_001, 5_000, 9_000) == 0


def test_a_message_is_small_enough_for_ray_to_send_it_at_once() -> None:
    chunk = Chunk(SOUND, 22050, (Interval(Stage.INFER, 1, 2),), 2.5, "hello", (Word("hello", 0.0, 1.0),))
    pieces = list(small_chunks(chunk))
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), SOUND)
    assert all(len(pickle.dumps(message(piece))) < 100_000 for piece in pieces)
    first, *others = pieces
    assert (first.intervals, first.expected, first.spoken_text, first.words) == (
        chunk.intervals,
        2.5,
        "hello",
        chunk.words,
    )
    assert all(not piece.intervals and piece.expected is None and not piece.words for piece in others)
    assert max(len(piece.samples) for piece in pieces) == INLINE_SAMPLES


def test_what_is_sent_comes_out_as_it_went_in() -> None:
    origin = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    request = ReplicaRequest(UTTERANCE, Listener(True, "reader", origin))
    assert pickle.loads(pickle.dumps(request)) == request
    failure = FailureMessage(NothingToSpeak("nothing", param="text"), lost=False)
    received = pickle.loads(pickle.dumps(failure)).error
    assert (type(received), received.message, received.param) == (NothingToSpeak, "nothing", "text")
    peers = Interval(Stage.DECODE, 1, 2, BatchPeers((origin,), 0.5))
    assert pickle.loads(pickle.dumps(peers)) == peers


async def test_it_speaks_with_the_voices_that_the_replicas_have_too() -> None:
    provider = await started(Link())
    assert provider.voices() == (JOE,)
    assert provider.phonemes(JOE) == frozenset("ab")
    with pytest.raises(EngineFailed):
        await started(Link(), voices=(KAN,))
    await provider.close()


async def test_the_throughput_is_that_of_all_replicas() -> None:
    link = Link(message(Chunk(SOUND, 22050), "r1", 10.0), message(Chunk(SOUND, 22050), "r2", 20.0))
    provider = await started(link)
    assert provider.load() == Load(2 * module.ASSUMED_RATE)
    await said(provider)
    assert provider.load() == Load(30.0)
    await provider.close()


async def test_a_chunk_comes_with_the_times_of_its_replica() -> None:
    chunk = Chunk(SOUND, 22050, (Interval(Stage.DECODE, DAY + 5, DAY + 10),))
    provider = await started(Link(message(chunk, received=DAY, sent=DAY + 20)))
    [heard] = await said(provider)
    queue, decode = heard.intervals
    assert (queue.stage, queue.replica) == (Stage.QUEUE, "")
    assert (decode.stage, decode.replica, decode.nanos) == (Stage.DECODE, "r1", 5)
    assert queue.end <= decode.start
    await provider.close()


async def test_the_tenant_stays_here() -> None:
    link = Link(message(Chunk(SOUND, 22050)))
    provider = await started(link)
    await said(provider, Listener(True, "reader", tenant="acme"))
    assert link.requests == [ReplicaRequest(UTTERANCE, Listener(True, "reader"))]
    await provider.close()


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (FailureMessage(NothingToSpeak("nothing"), lost=False), NothingToSpeak),
        (FailureMessage(EngineFailed("failed"), lost=False), EngineFailed),
        (FailureMessage(EngineFailed("lost"), lost=True), ReplicaLost),
        (message(Chunk(SOUND, 22050, expected=61.0)), TextTooLong),
    ],
)
async def test_an_error_of_a_replica_is_the_provider_s(
    failure: ChunkMessage | FailureMessage, error: type[Exception]
) -> None:
    link = Link(failure)
    provider = await started(link)
    with pytest.raises(error):
        await said(provider)
    assert link.closed == 1
    assert provider.load().depth == 0
    await provider.close()
    with pytest.raises(ShuttingDown):
        await said(provider)


async def test_it_reports_when_no_replica_answers_and_when_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.001)
    link, reports = Link(), Reports()
    provider = await started(link, reports)
    link.replicas = 0
    await until(lambda: reports.states == ["stopped"])
    link.replicas, link.voices = 1, (JOE, KAN)
    await until(lambda: reports.states == ["stopped", "resumed"])
    assert provider.voices() == (JOE, KAN)
    await provider.close()


async def test_a_cluster_that_does_not_answer_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.001)
    link, reports = Link(), Reports()
    link.replicas = 0
    provider = await started(link, reports)
    assert reports.states == ["stopped"]
    link.replicas = 1
    await until(lambda: reports.states == ["stopped", "resumed"])
    await provider.close()


class Context:
    """What Serve's controller knows."""

    target_num_replicas = 3

    def __init__(self, *audio: float) -> None:
        self.aggregated_metrics = {AUDIO_SECONDS: {str(number): each for number, each in enumerate(audio)}}


@pytest.mark.parametrize(("audio", "replicas"), [((0.0, 0.0), 1), ((30.0,), 1), ((30.1,), 2), ((50.0, 41.0), 4)])
def test_there_are_as_many_replicas_as_the_waiting_audio_needs(audio: tuple[float, ...], replicas: int) -> None:
    assert AudioSecondsPolicy(30.0)(Context(*audio)) == (replicas, {})


def test_without_a_report_the_number_of_replicas_stays() -> None:
    assert AudioSecondsPolicy(30.0)(Context()) == (3, {})
