"""One synthesis for many listeners: all hear all of it, nobody holds up another, and nobody's leaving is noticed."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator

import pytest

from server.audio.wav import pcm16
from server.errors import EngineFailed, QueueFull
from server.record import Synthesis
from server.synthesis.cache.clip import Clip
from server.synthesis.cache.shared_synthesis import Find, Make, SharedSynthesis
from server.utterance import Chunk
from tests.fake_syntheses import Murmur, heard, quiet, utterance


class Landings:
    """The syntheses that are over, in the order in which they began."""

    def __init__(self) -> None:
        self.watched: list[SharedSynthesis] = []

    @property
    def over(self) -> list[SharedSynthesis]:
        return [shared for shared in self.watched if shared.over]


def flight_of(murmur: Murmur, landings: Landings | None = None, find: Find | None = None) -> SharedSynthesis:
    flight, _ = started(lambda _: murmur(), Landings() if landings is None else landings, find)
    return flight


def started(make: Make, landings: Landings, find: Find | None = None) -> tuple[SharedSynthesis, asyncio.Task[None]]:
    """A synthesis in a task of its own, as the cache has it."""
    flight = SharedSynthesis(Synthesis(utterance()))
    landings.watched.append(flight)
    return flight, flight.start(flight.fill(make, find))


async def one(chunks: AsyncGenerator[Chunk, None]) -> bytes:
    return pcm16((await anext(chunks)).samples)


@pytest.mark.parametrize("before", range(6))
async def test_who_comes_late_hears_all_of_it(before: int) -> None:
    murmur = Murmur(parts=5)
    flight = flight_of(murmur)
    first = flight.listen(leads=True)
    beginning = [await one(first) for _ in range(before)]
    late = asyncio.create_task(heard(flight.listen()))
    assert b"".join(beginning) + await heard(first) == murmur.pcm
    assert await late == murmur.pcm
    assert murmur.begun == 1


async def test_only_who_leads_learns_where_the_time_went() -> None:
    flight = flight_of(Murmur())
    leader, follower = flight.listen(leads=True), flight.listen()
    async for chunk in leader:
        assert chunk.intervals
        assert (await anext(follower)).intervals == ()


async def test_no_more_is_made_than_somebody_wants() -> None:
    murmur = Murmur(parts=5)
    chunks = flight_of(murmur).listen()
    for wanted in range(1, 5):
        await anext(chunks)
        await quiet()
        assert murmur.made == wanted
    await chunks.aclose()


async def test_two_who_want_the_same_chunk_want_one() -> None:
    murmur = Murmur(allowed=0)
    flight = flight_of(murmur)
    listeners = [flight.listen(), flight.listen()]
    waiting = [asyncio.create_task(one(chunks)) for chunks in listeners]
    await quiet()
    murmur.allow(4)
    assert await asyncio.gather(*waiting) == murmur.pieces[:1] * 2
    await quiet()
    assert murmur.made == 1
    for chunks in listeners:
        await chunks.aclose()


async def test_a_slow_reader_holds_up_nobody_and_misses_nothing() -> None:
    murmur = Murmur(parts=5)
    flight = flight_of(murmur)
    slow, fast = flight.listen(leads=True), flight.listen()
    beginning = await one(slow)
    assert await heard(fast) == murmur.pcm
    assert beginning + await heard(slow) == murmur.pcm


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_who_is_cancelled_while_waiting_takes_nothing_from_the_others(leaver: int) -> None:
    murmur = Murmur(allowed=2)
    flight = flight_of(murmur)
    tasks = [asyncio.create_task(heard(flight.listen(leads=number == 0))) for number in range(3)]
    await quiet()
    assert murmur.made == 2
    tasks[leaver].cancel()
    await quiet()
    assert tasks[leaver].cancelled()
    murmur.allow(3)
    assert [await task for task in tasks if task is not tasks[leaver]] == [murmur.pcm] * 2
    assert murmur.begun == 1


async def test_with_the_last_listener_the_synthesis_is_given_up_at_once() -> None:
    murmur, landings = Murmur(), Landings()
    flight = flight_of(murmur, landings)
    first, second = flight.listen(leads=True), flight.listen()
    await anext(first)
    await anext(second)
    await first.aclose()
    assert (murmur.closed, landings.over) == (0, [])
    await second.aclose()
    assert (murmur.closed, landings.over) == (1, [flight])


async def test_it_is_given_up_in_the_midst_of_a_chunk_too() -> None:
    murmur, landings = Murmur(allowed=1), Landings()
    task = asyncio.create_task(heard(flight_of(murmur, landings).listen()))
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (murmur.made, murmur.closed, len(landings.over)) == (1, 1, 1)


async def test_stopped_before_it_has_begun_it_tells_why_too() -> None:
    murmur, landings = Murmur(), Landings()
    flight, task = started(lambda _: murmur(), landings)
    flight.stop(QueueFull("no more"))
    with pytest.raises(QueueFull):
        await heard(flight.listen())
    await asyncio.wait([task])
    assert (murmur.begun, landings.over, task.cancelled()) == (0, [flight], True)


async def test_who_leaves_waits_until_the_synthesis_has_let_go() -> None:
    let_go = asyncio.Event()

    async def stubborn(_: Synthesis) -> AsyncGenerator[Chunk, None]:
        try:
            await asyncio.Event().wait()
            yield Chunk(...)  # type: ignore[arg-type] # never
        finally:
            await asyncio.shield(let_go.wait())

    flight, _ = started(stubborn, Landings())
    task = asyncio.create_task(heard(flight.listen()))
    await quiet()
    task.cancel()
    await quiet()
    assert flight.over
    assert not task.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("parts", [0, 2])
async def test_a_failure_reaches_everybody_after_what_was_made_before_it(parts: int) -> None:
    failure = QueueFull("there is no room")
    murmur, landings = Murmur(parts=parts, failure=failure), Landings()
    flight = flight_of(murmur, landings)

    async def listen() -> tuple[bytes, BaseException | None]:
        audio = []
        try:
            async for chunk in flight.listen():
                audio.append(pcm16(chunk.samples))  # noqa: PERF401 - what comes before the failure counts
        except QueueFull as error:
            return b"".join(audio), error
        return b"".join(audio), None

    assert await asyncio.gather(*(listen() for _ in range(10))) == [(murmur.pcm, failure)] * 10
    assert landings.over == [flight]
    assert flight.failure is failure
    # Each has its own raise on the traceback, not those of all the others.
    assert len(traceback.extract_tb(failure.__traceback__)) < 8


async def test_a_synthesis_cancelled_from_within_is_no_clean_end() -> None:
    murmur = Murmur(parts=2, failure=asyncio.CancelledError())
    flight = flight_of(murmur)
    for chunks in (flight.listen(), flight.listen()):
        with pytest.raises(EngineFailed):
            await heard(chunks)


async def test_a_synthesis_that_is_stopped_tells_those_who_listen_why() -> None:
    murmur = Murmur(allowed=1)
    flight = flight_of(murmur)
    task = asyncio.create_task(heard(flight.listen()))
    await quiet()
    flight.stop(QueueFull("no more"))
    with pytest.raises(QueueFull):
        await task
    assert murmur.closed == 1


async def test_it_lands_once_and_before_anybody_knows() -> None:
    order: list[str] = []
    murmur = Murmur()
    flight = SharedSynthesis(murmur.synthesis)

    async def fill() -> None:
        await flight.fill(lambda _: murmur())
        order.append(f"landed with {len(flight.clip.pcm)}")  # type: ignore[union-attr]

    task = flight.start(fill())
    async for _ in flight.listen():
        order.append("heard")  # noqa: PERF401 - others append meanwhile
    order.append("ended")
    await task
    assert order == ["heard"] * 4 + [f"landed with {len(murmur.pcm)}", "ended"]


async def test_what_is_found_is_not_made() -> None:
    murmur, found = Murmur(), Murmur(seed=1)

    async def find() -> Clip | None:
        return Clip(found.pcm, 22050)

    flight = flight_of(murmur, find=find)
    assert [await heard(flight.listen()) for _ in range(2)] == [found.pcm] * 2
    assert flight.hit
    assert murmur.begun == 0


async def test_what_is_not_found_is_made() -> None:
    murmur = Murmur()

    async def find() -> Clip | None:
        return None

    flight = flight_of(murmur, find=find)
    assert await heard(flight.listen()) == murmur.pcm
    assert not flight.hit
