"""What a provider tells of its load: who waits, what is still to be made, and how fast it goes."""

from __future__ import annotations

import pytest

from server.providers.load_tracker import LoadTracker
from server.providers.provider import Load

LONG = 200.0
"""Seconds of work, after which what was believed before hardly counts."""


def test_an_idle_provider_has_nothing_to_do() -> None:
    assert LoadTracker(rate=7.0).load == Load(rate=7.0, depth=0, audio_seconds=0.0)


def test_a_request_waits_until_its_turn_comes_and_again_between_its_sentences() -> None:
    tracker = LoadTracker()
    with tracker.request(3.0) as first, tracker.request(4.0):
        assert tracker.load.depth == 2
        first.begin()
        assert tracker.load.depth == 1
        first.wait()
        assert tracker.load.depth == 2


def test_what_is_made_is_no_longer_asked_for() -> None:
    tracker = LoadTracker()
    with tracker.request(3.0) as request, tracker.request(4.0):
        assert tracker.load.audio_seconds == 7.0
        request.add(1.0, 0.1)
        assert tracker.load.audio_seconds == 6.0


def test_a_request_that_becomes_longer_than_thought_takes_nothing_from_the_others() -> None:
    tracker = LoadTracker()
    with tracker.request(3.0) as request, tracker.request(4.0):
        request.add(10.0, 0.1)
        assert tracker.load.audio_seconds == 4.0


def fail(tracker: LoadTracker) -> None:
    with tracker.request(3.0) as request:
        request.begin()
        raise RuntimeError


def test_a_request_that_ends_or_fails_is_forgotten() -> None:
    tracker = LoadTracker()
    with tracker.request(3.0):
        pass
    with pytest.raises(RuntimeError):
        fail(tracker)
    assert (tracker.load.depth, tracker.load.audio_seconds) == (0, 0.0)


def test_it_believes_a_warm_up_until_it_has_measured() -> None:
    tracker = LoadTracker(parallel=1)
    tracker.reset_rate(40.0)
    assert tracker.load.rate == 40.0
    with tracker.request(LONG) as request:
        request.begin()
        request.add(5 * LONG, LONG)
    assert tracker.load.rate == pytest.approx(5.0, rel=0.1)


def test_each_lane_adds_its_own_rate() -> None:
    """One lane's work tells of the others' too, also while they have nothing to do."""
    tracker = LoadTracker(parallel=4)
    with tracker.request(LONG) as request:
        request.begin()
        request.add(5 * LONG, LONG)
    assert tracker.load.rate == pytest.approx(20.0, rel=0.1)


def test_without_a_known_number_time_is_shared_by_those_at_work() -> None:
    """Two at once, each 5 s of audio a second: that is 10; a third that only waits has no share."""
    tracker = LoadTracker()
    with tracker.request(LONG) as one, tracker.request(LONG) as other, tracker.request(LONG):
        one.begin()
        other.begin()
        for request in (one, other):
            request.add(5 * LONG, LONG)
    assert tracker.load.rate == pytest.approx(10.0, rel=0.1)
