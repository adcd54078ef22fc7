"""What is marked on an observation, and what its numbers mean."""

from __future__ import annotations

import time

import numpy as np
import pytest

from server.errors import EngineFailed
from server.observation import MAX_INTERVALS, Observation
from server.speech import Chunk, Interval, Outcome, Stage, Utterance
from tests.fakes import JOE


def observed() -> Observation:
    observation = Observation("id", "/tts", "POST")
    observation.mark_received()
    return observation


def test_a_slow_readers_time_before_the_end_is_not_the_servers() -> None:
    observation = observed()
    with observation.stage(Stage.SEND):
        time.sleep(0.05)
    observation.mark_ready()
    assert observation.duration is not None
    assert observation.duration < 0.04
    assert observation.stage_seconds()[Stage.SEND] >= 0.05


def test_sending_after_the_end_changes_nothing() -> None:
    observation = observed()
    observation.mark_ready()
    before = observation.duration
    with observation.stage(Stage.SEND):
        time.sleep(0.01)
    assert observation.duration == before


def test_the_real_time_factor_is_work_over_audio() -> None:
    observation = observed()
    intervals = (Interval(Stage.QUEUE, 0, 10**10), Interval(Stage.INFER, 0, 10**9), Interval(Stage.DECODE, 0, 10**9))
    observation.mark_chunk(Chunk(np.zeros(22050 * 4, np.float32), 22050, intervals))
    assert observation.real_time_factor == pytest.approx(0.5)  # 2 s of work, 4 s of audio; the queue is not work


def test_a_failure_ends_the_duration_and_a_refusal_has_none() -> None:
    failed, refused = observed(), observed()
    failed.finish(Outcome.ERROR, 500, EngineFailed("the speech engine failed"))
    refused.finish(Outcome.REJECTED, 422)
    assert failed.duration is not None
    assert refused.duration is None


def test_a_request_that_was_never_whole_has_no_duration() -> None:
    observation = Observation("id", "/tts", "POST")
    observation.mark_ready()
    assert observation.duration is None
    assert observation.time_to_first_audio is None


def test_intervals_are_bounded_and_their_sum_is_not() -> None:
    observation = observed()
    for _ in range(10 * MAX_INTERVALS):
        observation.add(Interval(Stage.INFER, 0, 10**6))
    assert len(observation.intervals) == MAX_INTERVALS
    assert observation.stage_seconds()[Stage.INFER] == pytest.approx(0.01 * MAX_INTERVALS)


def test_stages_are_in_order() -> None:
    observation = observed()
    for stage in reversed(Stage):
        observation.add(Interval(stage, 0, 1))
    assert list(observation.stage_seconds()) == list(Stage)


def test_an_interval_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Interval(Stage.INFER, 2, 1)


def test_an_utterance_is_what_its_voice_can_speak() -> None:
    with pytest.raises(ValueError, match="fr"):
        Utterance("bonjour", JOE, "fr", 1, 7)
    with pytest.raises(ValueError, match="speed"):
        Utterance("hello", JOE, "en", 1, 5, speed=5)
