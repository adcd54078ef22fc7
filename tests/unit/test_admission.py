"""Who is let in, who is told to come back and when, what each client may hold, and what happens at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import QueueFull, ShuttingDown
from server.synthesis.admission import Admission
from server.synthesis.request_slot import RequestSlot
from server.synthesis.shares import ASKING_SECONDS


def door(
    *,
    requests: int = 100,
    seconds: float = 1000.0,
    patience: float = 1000.0,
    rate: float = 1.0,
    unsent: int = 1000,
    share: float = 1.0,
    clock: Callable[[], float] = lambda: 0.0,
) -> Admission:
    return Admission(requests, seconds, patience, lambda: rate, most_unsent=unsent, client_share=share, clock=clock)


def refusal(admission: Admission, seconds: float) -> QueueFull:
    with pytest.raises(QueueFull) as refused, admission.admit_synthesis(seconds):
        pass
    return refused.value


def turned_away(admission: Admission, client: str = "ann", size: int = 0) -> QueueFull:
    with pytest.raises(QueueFull) as refused, admission.admit_request(client, size):
        pass
    return refused.value


async def test_no_more_requests_are_let_in_than_there_are_places() -> None:
    admission = door(requests=2)
    with admission.admit_request("ann", 0), admission.admit_request("ann", 0):
        turned_away(admission)
    with admission.admit_request("ann", 0), admission.admit_request("ann", 0):
        pass


async def test_no_more_audio_is_taken_on_than_allowed() -> None:
    admission = door(seconds=60)
    with admission.admit_synthesis(40):
        refusal(admission, 21)
        with admission.admit_synthesis(20):
            assert admission.audio_seconds == 60


@pytest.mark.parametrize("rate", [0.5, 4.0])
async def test_nobody_is_let_in_who_would_have_to_wait_longer_than_the_patience(rate: float) -> None:
    admission = door(patience=10, rate=rate)
    with admission.admit_synthesis(9 * rate):
        refusal(admission, 1.1 * rate)
        with admission.admit_synthesis(0.9 * rate):
            pass


async def test_who_comes_alone_is_let_in_whatever_the_length() -> None:
    admission = door(requests=1, seconds=1, patience=1)
    with admission.admit_synthesis(1000):
        refusal(admission, 0.1)
    with admission.admit_synthesis(1000):
        pass


async def test_progress_makes_room() -> None:
    admission = door(seconds=60)
    with admission.admit_synthesis(60) as place:
        refusal(admission, 20)
        place.progress(20)
        with admission.admit_synthesis(20):
            place.progress(100)  # the estimate was too low
            assert admission.audio_seconds == 20


async def test_a_place_is_free_again_however_its_request_ended() -> None:
    admission = door(requests=1)
    with pytest.raises(RuntimeError), admission.admit_synthesis(5):
        raise RuntimeError
    assert admission.audio_seconds == 0
    with admission.admit_synthesis(5):
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
    with admission.admit_synthesis(waiting):
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
            stack.enter_context(admission.admit_request("ann", 0))
        for length in inside:
            stack.enter_context(admission.admit_synthesis(length))
        assert turned_away(admission).retry_after == after


async def test_the_forecast_of_a_free_place_comes_nearer_as_audio_is_made() -> None:
    admission = door(requests=1)
    with admission.admit_request("ann", 0), admission.admit_synthesis(10), admission.admit_synthesis(6) as short:
        assert turned_away(admission).retry_after == 12
        short.progress(4)
        assert turned_away(admission).retry_after == 4


async def test_a_closed_door_lets_nobody_in_and_those_inside_end() -> None:
    admission = door()
    with admission.admit_synthesis(1):
        admission.close()
        assert admission.closed
        with pytest.raises(ShuttingDown) as refused, admission.admit_request("ann", 0):
            pass
    assert refused.value.retry_after == 1


async def test_drained_when_the_last_one_has_left() -> None:
    admission = door()
    await admission.drained()
    with ExitStack() as first, ExitStack() as last:
        first.enter_context(admission.admit_request("ann", 0))
        last.enter_context(admission.admit_request("ann", 0))
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
            place = visit.enter_context(admission.admit_synthesis(seconds))
            inside.append((visit, place))
            for progress in made:
                place.progress(progress)
            if data.draw(st.booleans()):
                leaving, _ = inside.pop(data.draw(st.integers(0, len(inside) - 1)))
                leaving.close()
            assert admission.audio_seconds == pytest.approx(sum(place.remaining for _, place in inside), abs=1e-6)
    assert admission.audio_seconds == 0


# Places are for making audio, not for sending it


async def test_a_place_is_free_once_all_audio_is_made() -> None:
    admission = door(requests=1)
    with admission.admit_request("ann", 0) as first:
        first.ready()
        with admission.admit_request("ann", 0):
            turned_away(admission)
    assert admission.making == 0


async def test_a_stream_holds_no_place_while_it_waits_for_its_reader() -> None:
    admission = door(requests=1)
    with admission.admit_request("ann", 0) as stream:
        turned_away(admission)
        with stream.sending(), admission.admit_request("bob", 0):
            pass
        assert admission.making == 1
        turned_away(admission)


async def test_readers_that_come_back_at_once_are_all_served() -> None:
    admission = door(requests=1)
    with ExitStack() as waiting:
        for _ in range(3):
            stream = waiting.enter_context(admission.admit_request("ann", 0))
            waiting.enter_context(stream.sending())
        waiting.pop_all().close()
    assert admission.making == 0


async def test_a_synthesis_that_nobody_waits_for_keeps_nobody_out() -> None:
    admission = door(seconds=60)
    with admission.admit_synthesis(60) as paused:
        refusal(admission, 1)
        with paused.paused(), admission.admit_synthesis(60):
            assert admission.audio_seconds == 60
        assert admission.audio_seconds == 60
    assert admission.audio_seconds == 0


async def test_answers_that_are_sent_are_waited_for_at_the_end() -> None:
    admission = door()
    with ExitStack() as inside:
        inside.enter_context(admission.admit_request("ann", 0)).ready()
        drained = asyncio.create_task(admission.drained())
        await asyncio.sleep(0)
        assert not drained.done()
        inside.close()
        await asyncio.wait_for(drained, 10)


# Bytes that wait to be sent


async def test_no_more_bytes_wait_than_allowed() -> None:
    admission = door(unsent=100)
    with admission.admit_request("ann", 60) as visit:
        refused = turned_away(admission, "bob", 41)
        assert refused.retry_after == 1
        visit.hold(90)
        visit.ready()
        turned_away(admission, "bob", 11)
        visit.mark_sent(80)
        with admission.admit_request("bob", 90):
            assert admission.unsent_bytes == 100
    assert admission.unsent_bytes == 0


async def test_any_answer_is_let_in_while_nothing_waits() -> None:
    with door(unsent=100, share=0.5).admit_request("ann", 1000):
        pass


async def test_what_is_expected_counts_until_it_is_made() -> None:
    admission = door()
    with admission.admit_request("ann", 50) as visit:
        visit.hold(10)
        visit.mark_sent(10)
        assert admission.unsent_bytes == 50  # there may be more at any time
        visit.hold(70)
        assert admission.unsent_bytes == 70
        visit.ready()
        visit.mark_sent(40)
        assert admission.unsent_bytes == 30


async def test_one_client_has_its_share_of_the_bytes() -> None:
    admission = door(unsent=100, share=0.5)
    with admission.admit_request("ann", 50):
        turned_away(admission, "ann", 1)
        with admission.admit_request("bob", 50):
            turned_away(admission, "cat", 1)


# Places among clients


async def test_a_client_alone_has_all_places() -> None:
    admission = door(requests=4, share=0.5)
    with ExitStack() as inside:
        for _ in range(4):
            inside.enter_context(admission.admit_request("ann", 0))
        turned_away(admission)


async def test_a_client_has_its_share_while_another_one_asks() -> None:
    now = 0.0
    admission = door(requests=4, share=0.5, clock=lambda: now)
    with ExitStack() as inside:
        visits = [inside.enter_context(admission.admit_request("ann", 0)) for _ in range(4)]
        turned_away(admission, "bob")
        visits[0].ready()
        turned_away(admission, "ann")  # it has three, and bob wants one
        with admission.admit_request("bob", 0):
            pass
        visits[1].ready()
        turned_away(admission, "ann")
        now = ASKING_SECONDS
        inside.enter_context(admission.admit_request("ann", 0))  # nobody else has asked of late


sizes = st.integers(0, 200)
steps = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["hold", "sent", "sending", "ready", "leave", "enter"]), sizes),
    max_size=60,
)


@given(steps)
def test_what_is_held_is_what_each_of_those_inside_holds(walk: list[tuple[int, str, int]]) -> None:
    admission = door(requests=5, unsent=500, share=0.6)
    inside: dict[int, tuple[ExitStack, RequestSlot, dict[str, int]]] = {}
    for number, step, size in walk:
        if number not in inside:
            if step != "enter":
                continue
            stack = ExitStack()
            before = admission.unsent_bytes, admission.making
            try:
                visit = stack.enter_context(admission.admit_request(f"client {number % 3}", size))
            except QueueFull:
                assert (admission.unsent_bytes, admission.making) == before
                continue
            assert before[1] < 5
            assert before[0] == 0 or before[0] + size <= 500
            inside[number] = stack, visit, {"reserved": size, "waiting": 0, "place": 1}
            continue
        stack, visit, books = inside[number]
        match step:
            case "hold":
                visit.hold(size)
                books["waiting"] += size
            case "sent":
                sent = min(size, books["waiting"])
                visit.mark_sent(sent)
                books["waiting"] -= sent
            case "sending":
                with visit.sending():
                    assert admission.making == sum(b["place"] for _, _, b in inside.values()) - books["place"]
            case "ready":
                visit.ready()
                books["reserved"] = books["place"] = 0
            case "leave":
                stack.close()
                del inside[number]
        assert admission.unsent_bytes == sum(max(b["reserved"], b["waiting"]) for _, _, b in inside.values())
        assert admission.making == sum(b["place"] for _, _, b in inside.values())
    for stack, _, _ in inside.values():
        stack.close()
    assert (admission.unsent_bytes, admission.making) == (0, 0)
    with admission.admit_request("ann", 1000):  # and nothing is left of anybody
        pass
