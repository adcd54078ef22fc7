"""What a provider tells of its load: who waits, what is still to be made, and how fast it goes."""

from __future__ import annotations

import pytest

from server.providers.provider import Load
from server.providers.workload import Workload

LONG = 200.0
"""Seconds of work, after which what was believed before hardly counts."""


def test_an_idle_provider_has_nothing_to_do() -> None:
    assert Workload(rate=7.0).load == Load(rate=7.0, depth=0, audio_seconds=0.0)


def test_a_request_waits_until_its_turn_comes_and_again_between_its_sentences() -> None:
    workload = Workload()
    with workload.request(3.0) as first, workload.request(4.0):
        assert workload.load.depth == 2
        first.begun()
        assert workload.load.depth == 1
        first.waits()
        assert workload.load.depth == 2


def test_what_is_made_is_no_longer_asked_for() -> None:
    workload = Workload()
    with workload.request(3.0) as request, workload.request(4.0):
        assert workload.load.audio_seconds == 7.0
        request.made(1.0, 0.1)
        assert workload.load.audio_seconds == 6.0


def test_a_request_that_becomes_longer_than_thought_takes_nothing_from_the_others() -> None:
    workload = Workload()
    with workload.request(3.0) as request, workload.request(4.0):
        request.made(10.0, 0.1)
        assert workload.load.audio_seconds == 4.0


def fail(workload: Workload) -> None:
    with workload.request(3.0) as request:
        request.begun()
        raise RuntimeError


def test_a_request_that_ends_or_fails_is_forgotten() -> None:
    workload = Workload()
    with workload.request(3.0):
        pass
    with pytest.raises(RuntimeError):
        fail(workload)
    assert (workload.load.depth, workload.load.audio_seconds) == (0, 0.0)


def test_it_believes_a_warm_up_until_it_has_measured() -> None:
    workload = Workload(lanes=1)
    workload.presume(40.0)
    assert workload.load.rate == 40.0
    with workload.request(LONG) as request:
        request.begun()
        request.made(5 * LONG, LONG)
    assert workload.load.rate == pytest.approx(5.0, rel=0.1)


def test_each_lane_adds_its_own_rate() -> None:
    """One lane's work tells of the others' too, also while they have nothing to do."""
    workload = Workload(lanes=4)
    with workload.request(LONG) as request:
        request.begun()
        request.made(5 * LONG, LONG)
    assert workload.load.rate == pytest.approx(20.0, rel=0.1)


def test_without_known_lanes_time_is_shared_by_those_at_work() -> None:
    """Two at once, each 5 s of audio a second: that is 10; a third that only waits has no share."""
    workload = Workload()
    with workload.request(LONG) as one, workload.request(LONG) as other, workload.request(LONG):
        one.begun()
        other.begun()
        for request in (one, other):
            request.made(5 * LONG, LONG)
    assert workload.load.rate == pytest.approx(10.0, rel=0.1)
