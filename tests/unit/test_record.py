"""What is marked on a record, and what its numbers mean."""

from __future__ import annotations

import time

import numpy as np
import pytest

from otel.contract.values import CacheResult, Outcome, Stage
from server.errors import EngineFailed
from server.record import MAX_INTERVALS, PASSING, RequestRecord, Synthesis
from server.utterance import BatchPeers, Chunk, Interval, Listener, Utterance
from tests.humming_provider import JOE

SECOND = 10**9
UTTERANCE = Utterance("Hi.", JOE, "en", 1, 3)


def observed() -> RequestRecord:
    record = RequestRecord("id", "/tts", "POST", Synthesis(UTTERANCE, cache=CacheResult.MISS))
    record.mark_received()
    return record


class Clock:
    """Stands where it is set, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter_ns(self) -> int:
        return round(self.now * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("server.record.time", clock)
    return clock


def heard(record: RequestRecord, seconds: float) -> float:
    """The silence that a listener has heard once a chunk of so many seconds has come."""
    record.mark_chunk(Chunk(np.zeros(round(100 * seconds), np.float32), 100))
    return record.underrun / SECOND


def streamed() -> RequestRecord:
    return RequestRecord("id", "/tts", "POST", Synthesis(UTTERANCE, Listener(streamed=True)))


def test_a_slow_readers_time_before_the_end_is_not_the_servers() -> None:
    record = observed()
    with record.stage(Stage.SEND):
        time.sleep(0.05)
    record.mark_ready()
    assert record.duration is not None
    assert record.duration < 0.04
    assert record.stage_seconds()[Stage.SEND] >= 0.05


def test_sending_after_the_end_changes_nothing() -> None:
    record = observed()
    record.mark_ready()
    before = record.duration
    with record.stage(Stage.SEND):
        time.sleep(0.01)
    assert record.duration == before


def test_the_real_time_factor_is_work_over_audio() -> None:
    record = observed()
    intervals = (Interval(Stage.QUEUE, 0, 10**10), Interval(Stage.INFER, 0, 10**9), Interval(Stage.DECODE, 0, 10**9))
    record.mark_chunk(Chunk(np.zeros(22050 * 4, np.float32), 22050, intervals))
    assert record.real_time_factor == pytest.approx(0.5)  # 2 s of work, 4 s of audio; the queue is not work


@pytest.mark.parametrize("result", [CacheResult.HIT, CacheResult.COALESCED])
def test_audio_that_was_not_made_for_a_request_has_no_real_time_factor(result: CacheResult) -> None:
    record = observed()
    record.synthesis = Synthesis(UTTERANCE, cache=result)
    record.mark_chunk(Chunk(np.zeros(22050, np.float32), 22050))
    assert record.audio_seconds == 1
    assert record.real_time_factor is None


def test_of_a_step_taken_for_several_a_request_has_its_share_of_the_work() -> None:
    observation = observed()
    observation.add(Interval(Stage.INFER, 0, SECOND))
    observation.add(Interval(Stage.DECODE, 0, 2 * SECOND, BatchPeers(("a", "b", "c"), padding=0.25)))
    assert observation.work == 1.5 * SECOND
    assert observation.padding == 0.125 * SECOND
    assert observation.stage_seconds() == {Stage.INFER: 1, Stage.DECODE: 2}


def test_all_the_shares_of_a_batch_are_the_batch() -> None:
    mates = [observed() for _ in range(5)]
    for observation in mates:
        observation.add(Interval(Stage.DECODE, 0, SECOND, BatchPeers((None,) * 4, padding=0.3)))
    assert sum(observation.work for observation in mates) == pytest.approx(SECOND)
    assert sum(observation.padding for observation in mates) == pytest.approx(0.3 * SECOND)


def test_a_wait_between_two_steps_is_summed_and_makes_no_interval_unless_it_is_long() -> None:
    record = observed()
    waits = [Interval(Stage.QUEUE, 0, length) for length in (10, PASSING - 1, PASSING, 20)]
    for wait in waits:
        record.add(wait)
    assert waits[1] not in record.intervals
    assert waits[2] in record.intervals
    assert waits[3] not in record.intervals
    assert record.stage_nanos[Stage.QUEUE] == 10 + PASSING - 1 + PASSING + 20


def test_short_work_makes_an_interval_all_the_same() -> None:
    record = observed()
    record.add(Interval(Stage.INFER, 0, 1))
    assert record.intervals == [Interval(Stage.INFER, 0, 1)]


def test_a_stream_that_comes_faster_than_it_is_heard_has_no_silence_in_it(clock: Clock) -> None:
    record = streamed()
    clock.now += 5  # before the first audio nothing is interrupted
    assert heard(record, 1.0) == 0
    clock.now += 0.9
    assert heard(record, 1.0) == 0
    clock.now += 1.1
    assert heard(record, 1.0) == 0


def test_the_silence_inside_a_stream_is_what_comes_too_late(clock: Clock) -> None:
    record = streamed()
    heard(record, 1.0)
    clock.now += 1.5
    assert heard(record, 1.0) == pytest.approx(0.5)
    clock.now += 1.0
    assert heard(record, 3.0) == pytest.approx(0.5)
    clock.now += 3.25
    assert heard(record, 1.0) == pytest.approx(0.75)


def test_silence_that_a_slow_reader_made_itself_is_not_counted(clock: Clock) -> None:
    record = streamed()
    heard(record, 1.0)
    with record.stage(Stage.SEND):
        clock.now += 60
    clock.now += 0.5
    assert heard(record, 1.0) == 0
    clock.now += 1.75
    assert heard(record, 1.0) == pytest.approx(0.25)


def test_a_whole_answer_is_not_heard_as_it_comes(clock: Clock) -> None:
    record = RequestRecord("id", "/tts", "POST")
    heard(record, 1.0)
    clock.now += 60
    assert heard(record, 1.0) == 0


def test_a_failure_ends_the_duration_and_a_refusal_has_none() -> None:
    failed, refused = observed(), observed()
    failed.finish(Outcome.ERROR, 500, EngineFailed("the speech engine failed"))
    refused.finish(Outcome.REJECTED, 422)
    assert failed.duration is not None
    assert refused.duration is None


def test_a_request_that_was_never_whole_has_no_duration() -> None:
    record = RequestRecord("id", "/tts", "POST")
    record.mark_ready()
    assert record.duration is None
    assert record.time_to_first_audio is None


def test_intervals_are_bounded_and_their_sum_is_not() -> None:
    record = observed()
    for _ in range(10 * MAX_INTERVALS):
        record.add(Interval(Stage.INFER, 0, 10**6))
    assert len(record.intervals) == MAX_INTERVALS
    assert record.stage_seconds()[Stage.INFER] == pytest.approx(0.01 * MAX_INTERVALS)


def test_stages_are_in_order() -> None:
    record = observed()
    for stage in reversed(Stage):
        record.add(Interval(stage, 0, 1))
    assert list(record.stage_seconds()) == list(Stage)


def test_an_interval_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Interval(Stage.INFER, 2, 1)


def test_an_utterance_is_what_its_voice_can_speak() -> None:
    with pytest.raises(ValueError, match="fr"):
        Utterance("bonjour", JOE, "fr", 1, 7)
    with pytest.raises(ValueError, match="speed"):
        Utterance("hello", JOE, "en", 1, 5, speed=5)
