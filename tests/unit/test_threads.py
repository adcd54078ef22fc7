"""One thread, in order, and what becomes of work when somebody stops waiting for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from server.providers.threads import ThreadClosed, WorkerThread


@pytest.fixture
async def worker() -> AsyncIterator[WorkerThread]:
    worker = WorkerThread("test")
    yield worker
    await worker.close()


class Gate:
    """Work that runs until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        assert self.open.wait(10)
        return "through"


async def test_all_work_runs_in_one_thread_that_is_not_the_caller(worker: WorkerThread) -> None:
    threads = {await worker.run(threading.get_ident) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_results_and_exceptions_come_back(worker: WorkerThread) -> None:
    assert await worker.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 7, 0)
    assert await worker.run(int, "12", base=3) == 5


async def test_first_come_first_served(worker: WorkerThread) -> None:
    gate, order = Gate(), []
    first = asyncio.create_task(worker.run(gate))
    rest = [asyncio.create_task(worker.run(order.append, number)) for number in range(5)]
    await asyncio.to_thread(gate.entered.wait, 10)
    gate.open.set()
    await asyncio.gather(first, *rest)
    assert order == [0, 1, 2, 3, 4]


async def test_cancelled_before_its_turn_work_never_runs(worker: WorkerThread) -> None:
    gate, ran = Gate(), []
    first = asyncio.create_task(worker.run(gate))
    waiting = asyncio.create_task(worker.run(ran.append, "never"))
    await asyncio.to_thread(gate.entered.wait, 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open.set()
    assert await first == "through"
    assert await worker.run(lambda: list(ran)) == []


async def test_cancelled_while_it_runs_it_runs_on_and_the_next_waits_for_it(worker: WorkerThread) -> None:
    gate = Gate()
    running = asyncio.create_task(worker.run(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    following = asyncio.create_task(worker.run(gate.open.is_set))
    gate.open.set()
    assert await following


async def test_close_waits_for_what_runs_and_gives_up_what_waits() -> None:
    worker, gate = WorkerThread("test"), Gate()
    running = asyncio.create_task(worker.run(gate))
    waiting = asyncio.create_task(worker.run(print))
    await asyncio.to_thread(gate.entered.wait, 10)
    closing = asyncio.create_task(worker.close())
    with pytest.raises(ThreadClosed):
        await waiting
    assert not closing.done()
    gate.open.set()
    await closing
    assert await running == "through"
    with pytest.raises(ThreadClosed):
        await worker.run(print)
    await worker.close()
