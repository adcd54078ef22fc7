"""Who is let in, who is told to come back and when, and what happens at the end of the day."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import QueueFull, ShuttingDown
from server.scheduling.admission import Admission


def door(requests: int = 100, seconds: float = 1000.0, patience: float = 1000.0, rate: float = 1.0) -> Admission:
    return Admission(requests, seconds, patience, lambda: rate)


def refusal(admission: Admission, seconds: float) -> QueueFull:
    with pytest.raises(QueueFull) as refused, admission.admit(seconds):
        pass
    return refused.value


def turned_away(admission: Admission) -> QueueFull:
    with pytest.raises(QueueFull) as refused, admission.visit():
        pass
    return refused.value


async def test_no_more_requests_are_let_in_than_there_are_places() -> None:
    admission = door(requests=2)
    with admission.visit(), admission.visit():
        turned_away(admission)
    with admission.visit(), admission.visit():
        pass


async def test_no_more_audio_is_taken_on_than_allowed() -> None:
    admission = door(seconds=60)
    with admission.admit(40):
        refusal(admission, 21)
        with admission.admit(20):
            assert admission.audio_seconds == 60


@pytest.mark.parametrize("rate", [0.5, 4.0])
async def test_nobody_is_let_in_who_would_have_to_wait_longer_than_the_patience(rate: float) -> None:
    admission = door(patience=10, rate=rate)
    with admission.admit(9 * rate):
        refusal(admission, 1.1 * rate)
        with admission.admit(0.9 * rate):
            pass


async def test_who_comes_alone_is_let_in_whatever_the_length() -> None:
    admission = door(requests=1, seconds=1, patience=1)
    with admission.admit(1000):
        refusal(admission, 0.1)
    with admission.admit(1000):
        pass


async def test_progress_makes_room() -> None:
    admission = door(seconds=60)
    with admission.admit(60) as place:
        refusal(admission, 20)
        place.progress(20)
        with admission.admit(20):
            place.progress(100)  # the estimate was too low
            assert admission.audio_seconds == 20


async def test_a_place_is_free_again_however_its_request_ended() -> None:
    admission = door(requests=1)
    with pytest.raises(RuntimeError), admission.admit(5):
        raise RuntimeError
    assert admission.audio_seconds == 0
    with admission.admit(5):
        pass


@pytest.mark.parametrize(
    ("waiting", "seconds", "rate", "after"),
    [
        (60, 10, 1.0, 10),  # what is too much will have been made
        (60, 10, 4.0, 3),
        (60, 0.1, 4.0, 1),  # a whole second at least
        (4, 1000, 1.0, 4),  # when it is alone it may come whatever its length
    ],
)
async def test_who_is_refused_is_told_when_there_will_be_room(
    waiting: float, seconds: float, rate: float, after: int
) -> None:
    admission = door(seconds=60, rate=rate)
    with admission.admit(waiting):
        assert refusal(admission, seconds).retry_after == after


@pytest.mark.parametrize(
    ("inside", "rate", "after"),
    [
        ((30, 6, 12), 1.0, 18),  # each has a third of the engine: the shortest takes three times its length
        ((30, 6, 12), 4.0, 5),
        ((30, 0, 12), 1.0, 1),  # somebody is about to leave
        ((20, 20, 20), 1.0, 60),  # never more than until all have left
        ((), 1.0, 1),  # nothing is made for anybody inside: they are about to leave
    ],
)
async def test_who_finds_all_places_taken_is_told_when_the_first_will_be_free(
    inside: tuple[float, ...], rate: float, after: int
) -> None:
    admission = door(requests=3, rate=rate)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(admission.visit())
        for length in inside:
            stack.enter_context(admission.admit(length))
        assert turned_away(admission).retry_after == after


async def test_the_forecast_of_a_free_place_comes_nearer_as_audio_is_made() -> None:
    admission = door(requests=1)
    with admission.visit(), admission.admit(10), admission.admit(6) as short:
        assert turned_away(admission).retry_after == 12
        short.progress(4)
        assert turned_away(admission).retry_after == 4


async def test_a_closed_door_lets_nobody_in_and_those_inside_end() -> None:
    admission = door()
    with admission.admit(1):
        admission.close()
        assert admission.closed
        with pytest.raises(ShuttingDown) as refused, admission.visit():
            pass
    assert refused.value.retry_after == 1


async def test_drained_when_the_last_one_has_left() -> None:
    admission = door()
    await admission.drained()
    with ExitStack() as first, ExitStack() as last:
        first.enter_context(admission.visit())
        last.enter_context(admission.visit())
        drained = asyncio.create_task(admission.drained())
        first.close()
        await asyncio.sleep(0)
        assert not drained.done()
        last.close()
        await asyncio.wait_for(drained, 10)


@given(st.lists(st.tuples(st.floats(0, 100), st.lists(st.floats(-20, 60), max_size=4)), max_size=8), st.data())
def test_what_is_waiting_is_what_each_of_those_inside_waits_for(
    given_places: list[tuple[float, list[float]]], data: st.DataObject
) -> None:
    admission = door(seconds=1e9, patience=1e9)
    with ExitStack() as everybody:
        inside = []
        for seconds, made in given_places:
            visit = everybody.enter_context(ExitStack())
            place = visit.enter_context(admission.admit(seconds))
            inside.append((visit, place))
            for progress in made:
                place.progress(progress)
            if data.draw(st.booleans()):
                leaving, _ = inside.pop(data.draw(st.integers(0, len(inside) - 1)))
                leaving.close()
            assert admission.audio_seconds == pytest.approx(sum(place.remaining for _, place in inside), abs=1e-6)
    assert admission.audio_seconds == 0
