"""The schedule at work: real threads, an engine that counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing

import numpy as np
import pytest

from otel.contract.values import Device, Stage
from server.scheduling.audio_queue import AudioPiece
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import Encode, EngineLost, Sentence
from server.scheduling.job import Job
from tests.counting_engine import FRAME_SECONDS, RATE, Broken, CountingEngine, sentence, spoken, until

Start = Callable[..., Dispatcher]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts dispatchers, each with an engine of its own; closed in the end."""
    async with AsyncExitStack() as stack:

        def start(engine: CountingEngine, workers: int = 1, **options: object) -> Dispatcher:
            dispatcher = Dispatcher(engine, workers, **options)
            dispatcher.start()
            stack.push_async_callback(engine.close)
            stack.push_async_callback(dispatcher.close, RuntimeError("the test is over"))
            stack.callback(engine.gate.set)
            return dispatcher

        yield start


def asks(*sentences: Sentence, streamed: bool = False, origin: object = None) -> Callable[[Callable[[], None]], Job]:
    seconds = [each.ids[1] * FRAME_SECONDS for each in sentences]
    return lambda changed: Job(sentences, seconds, RATE, streamed=streamed, origin=origin, changed=changed)


async def pieces(dispatcher: Dispatcher, *sentences: Sentence, origin: object = None) -> list[AudioPiece]:
    return [piece async for piece in dispatcher.run(asks(*sentences, origin=origin))]


def audio(pieces: list[AudioPiece]) -> list[float]:
    return np.concatenate([piece.samples for piece in pieces]).tolist()


async def test_requests_come_out_whole_and_in_order_from_many_threads(start: Start) -> None:
    dispatcher = start(CountingEngine(most=3), workers=3)
    texts = [[sentence(number * 10 + each, 50 + 70 * number) for each in range(3)] for number in range(10)]
    done = await asyncio.gather(*(pieces(dispatcher, *text) for text in texts))
    for text, made in zip(texts, done, strict=True):
        assert audio(made) == np.concatenate([spoken(each) for each in text]).tolist()
    assert dispatcher.schedule.audio_seconds == 0


async def test_the_time_of_the_machine_is_divided_among_requests(start: Start) -> None:
    worked: list[tuple[Device, float, float]] = []
    dispatcher = start(
        CountingEngine(most=1), workers=2, cores=2, device=Device.GPU, account=lambda *reading: worked.append(reading)
    )
    done = await asyncio.gather(*(pieces(dispatcher, sentence(number, 200)) for number in range(4)))
    steps = [
        interval
        for text in done
        for piece in text
        for interval in piece.intervals
        if interval.stage in (Stage.INFER, Stage.DECODE)
    ]
    assert {interval.device for interval in steps} == {Device.GPU}
    assert all(0 < interval.units <= 2 and not interval.replica for interval in steps)
    shares = sum(interval.seconds * interval.units / interval.batch_size for interval in steps)
    assert shares == pytest.approx(sum(seconds for _, seconds, _ in worked))
    assert {device for device, _, _ in worked} == {Device.GPU}


async def test_slots_work_at_once_on_a_core_each(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine, workers=2, cores=4)
    first = asyncio.create_task(pieces(dispatcher, sentence(0, 50)))
    await until(lambda: len(engine.batches) == 1)
    second = asyncio.create_task(pieces(dispatcher, sentence(1, 50)))
    await until(lambda: len(engine.batches) == 2)
    assert engine.threads == [1, 1]  # also while the other cores have nothing to do
    engine.gate.set()
    await asyncio.gather(first, second)


async def test_a_worker_with_two_slots_has_its_next_batch_at_hand_and_takes_one_at_a_time(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine, slots=2)
    requests = [asyncio.create_task(pieces(dispatcher, sentence(number, 50))) for number in range(3)]
    await until(lambda: dispatcher.schedule.depth == 1 and len(engine.batches) > 0)
    assert len(engine.batches) == 1
    engine.gate.set()
    await asyncio.gather(*requests)


async def test_workers_get_their_next_batch_early_only_while_many_wait_and_all_have_one(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine, workers=2, slots=2, cores=2, busy_depth=2)
    requests = [asyncio.create_task(pieces(dispatcher, sentence(number, 50))) for number in range(3)]
    await until(lambda: len(engine.batches) == 2)
    assert dispatcher._in_flight == [1, 1]
    assert dispatcher.schedule.depth == 1
    requests += [asyncio.create_task(pieces(dispatcher, sentence(number, 50))) for number in range(3, 7)]
    await until(lambda: sum(dispatcher._in_flight) == 4)
    assert dispatcher._in_flight == [2, 2]
    assert len(engine.batches) == 2  # what a worker has at hand is not begun
    engine.gate.set()
    done = await asyncio.gather(*requests)
    assert [audio(made) for made in done] == [spoken(sentence(number, 50)).tolist() for number in range(7)]
    assert dispatcher._in_flight == [0, 0]


async def test_a_reader_that_leaves_gives_its_job_up_within_one_step(start: Start) -> None:
    engine = CountingEngine()
    dispatcher = start(engine)
    async with aclosing(dispatcher.run(asks(*(sentence(number, 900) for number in range(8)), streamed=True))) as job:
        await anext(job)
        engine.gate.clear()
        await until(lambda: dispatcher.schedule.depth == 0)
    begun = len(engine.batches)
    assert dispatcher.schedule.audio_seconds == 0
    engine.gate.set()
    await pieces(dispatcher, sentence(100, 10))
    assert len(engine.batches) <= begun + 1 + 3  # what ran or was at hand, and the other's three


async def test_a_reader_that_is_cancelled_gives_its_job_up(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine)
    reader = asyncio.create_task(pieces(dispatcher, sentence(0, 900)))
    await until(lambda: len(engine.batches) == 1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert dispatcher.schedule.audio_seconds == 0
    engine.gate.set()
    assert audio(await pieces(dispatcher, sentence(1, 10))) == spoken(sentence(1, 10)).tolist()
    assert [batch for batch in engine.batches if isinstance(batch[0], Encode)] == [
        (Encode(sentence(0, 900)),),
        (Encode(sentence(1, 10)),),
    ]
    assert len(engine.batches) == 4


async def test_a_stream_whose_reader_comes_back_goes_on(start: Start) -> None:
    dispatcher = start(CountingEngine())
    text = [sentence(number, 900) for number in range(4)]
    made = []
    async with aclosing(dispatcher.run(asks(*text, streamed=True))) as job:
        made.append(await anext(job))
        await pieces(dispatcher, sentence(10, 900))  # nobody reads the stream meanwhile
        await until(lambda: dispatcher.schedule.depth == 0)
        assert dispatcher.schedule.audio_seconds > 0
        made += [piece async for piece in job]
    assert audio(made) == np.concatenate([spoken(each) for each in text]).tolist()


async def test_what_goes_wrong_with_one_sentence_is_told_to_its_request_alone(start: Start) -> None:
    engine = CountingEngine(most=4)
    engine.gate.clear()
    dispatcher = start(engine)
    texts = [sentence(number, 100) for number in range(4)]
    engine.broken.add(texts[2])
    requests = [asyncio.create_task(pieces(dispatcher, text)) for text in texts]
    await until(lambda: len(engine.batches) == 1)
    engine.gate.set()
    done = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(done.pop(2), Broken)
    for text, made in zip([*texts[:2], texts[3]], done, strict=True):
        assert audio(made) == spoken(text).tolist()


async def test_audio_made_before_a_failure_is_handed_out_first(start: Start) -> None:
    engine = CountingEngine()
    engine.broken.add(sentence(1, 60))
    dispatcher = start(engine)
    async with aclosing(dispatcher.run(asks(sentence(0, 50), sentence(1, 60)))) as job:
        assert (await anext(job)).samples.tolist() == spoken(sentence(0, 50)).tolist()
        with pytest.raises(Broken):
            await anext(job)


async def test_a_lost_engine_fails_everybody_is_announced_and_takes_no_more(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine, workers=2)
    requests = [asyncio.create_task(pieces(dispatcher, sentence(number, 100))) for number in range(5)]
    await until(lambda: len(engine.batches) == 2)
    assert not dispatcher.lost.done()
    engine.lose()
    engine.gate.set()
    assert isinstance(await asyncio.wait_for(dispatcher.lost, 10), EngineLost)
    done = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(error, EngineLost) for error in done)
    with pytest.raises(EngineLost):
        await pieces(dispatcher, sentence(10, 10))
    assert len(engine.batches) == 2


async def test_close_fails_those_that_wait_and_lets_no_one_in(start: Start) -> None:
    engine, error = CountingEngine(), RuntimeError("closing time")
    engine.gate.clear()
    dispatcher = start(engine)
    requests = [asyncio.create_task(pieces(dispatcher, sentence(number, 100))) for number in range(3)]
    await until(lambda: len(engine.batches) == 1)
    await dispatcher.close(error)
    assert await asyncio.gather(*requests, return_exceptions=True) == [error] * 3
    with pytest.raises(RuntimeError, match="closing time"):
        await pieces(dispatcher, sentence(10, 10))
    engine.gate.set()
    assert not dispatcher.lost.done()


async def test_what_was_made_before_the_close_can_still_be_fetched(start: Start) -> None:
    engine = CountingEngine()
    dispatcher = start(engine)
    async with aclosing(dispatcher.run(asks(sentence(0, 300)))) as job:
        made = [await anext(job)]
        await until(lambda: dispatcher.schedule.audio_seconds == 0)
        await dispatcher.close(RuntimeError("closing time"))
        made += [piece async for piece in job]
    assert audio(made) == spoken(sentence(0, 300)).tolist()


async def test_batch_peers_learn_of_each_other_and_who_is_alone_of_nobody(start: Start) -> None:
    engine = CountingEngine(most=3)
    engine.gate.clear()
    dispatcher = start(engine)
    first = asyncio.create_task(pieces(dispatcher, sentence(0, 100), origin="first"))
    await until(lambda: len(engine.batches) == 1)
    others = [asyncio.create_task(pieces(dispatcher, sentence(1 + number, 90), origin=number)) for number in range(2)]
    await until(lambda: dispatcher.schedule.depth == 2)
    engine.gate.set()
    [alone, *_], *together = await asyncio.gather(first, *others)
    encoded = [interval for interval in alone.intervals if interval.stage is Stage.INFER]
    assert encoded[0].peers is None
    for origin, (piece,) in enumerate(together):
        encoded = [interval for interval in piece.intervals if interval.stage is Stage.INFER]
        assert encoded[0].peers
        assert encoded[0].peers.origins == (1 - origin,)


async def test_a_request_that_had_to_wait_says_how_long(start: Start) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    dispatcher = start(engine)
    first = asyncio.create_task(pieces(dispatcher, sentence(0, 50)))
    await until(lambda: len(engine.batches) == 1)
    second = asyncio.create_task(pieces(dispatcher, sentence(1, 50)))
    await until(lambda: dispatcher.schedule.depth == 1)
    engine.gate.set()
    [made], _ = await asyncio.gather(second, first)
    waited, *rest = made.intervals
    assert waited.stage is Stage.QUEUE
    worked = [interval for interval in rest if interval.stage is not Stage.QUEUE]
    assert [interval.stage for interval in worked] == [Stage.INFER, Stage.INFER, Stage.DECODE]
    assert waited.end <= worked[0].start
    for interval in rest:
        assert interval.stage is not Stage.QUEUE or interval.start >= waited.end


async def test_every_batch_is_told_and_its_speed_measured(start: Start) -> None:
    told: list[tuple[int, float]] = []
    engine = CountingEngine(most=2)
    engine.gate.clear()
    dispatcher = start(engine, observe=lambda size, padding: told.append((size, padding)))
    before = dispatcher.throughput.rate
    requests = [asyncio.create_task(pieces(dispatcher, sentence(number, 100 - number))) for number in range(3)]
    await until(lambda: len(engine.batches) == 1)
    engine.gate.set()
    await asyncio.gather(*requests)
    assert len(told) == len(engine.batches)
    assert [size for size, _ in told] == [len(batch) for batch in engine.batches]
    assert max(size for size, _ in told) == 2
    assert any(padding == pytest.approx(1 / 200) for _, padding in told)
    assert dispatcher.throughput.rate > before  # counting is faster than speaking


async def test_a_bug_in_a_slot_leaves_nobody_waiting(start: Start) -> None:
    def mistaken(size: int, padding: float) -> None:
        raise ZeroDivisionError

    dispatcher = start(CountingEngine(), observe=mistaken)
    with pytest.raises(EngineLost):
        async with asyncio.timeout(10):
            await pieces(dispatcher, sentence(0, 50))
    assert isinstance((await dispatcher.lost).__cause__, ZeroDivisionError)
