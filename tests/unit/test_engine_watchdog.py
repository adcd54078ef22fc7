"""The watchdog of the engine's process, with connections that answer as the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from server.engine import client as module
from server.engine.client import EngineClient
from server.scheduling.engine import EngineLost
from tests.counting_engine import until

STALL = 0.2


class FakeConnection:
    """Of a thread that is at work or idle; ``closed`` is what it was closed with."""

    def __init__(self) -> None:
        self.waiting = False
        self.answered = 0
        self.closed: list[Exception] = []

    def close(self, error: Exception) -> None:
        self.closed.append(error)


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineClient]:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    engine = EngineClient(STALL)
    engine._connections = [FakeConnection(), FakeConnection()]  # type: ignore[list-item]
    engine._watchdog = asyncio.create_task(engine._watch())
    yield engine
    await engine.kill(EngineLost("the test is over"))


async def looks(number: int) -> None:
    """Returns when the watchdog has had time for so many looks at least, if it has its turns."""
    for _ in range(number):
        await asyncio.sleep(0.01)


async def test_a_thread_that_does_not_answer_is_a_stalled_process(engine: EngineClient) -> None:
    idle, stuck = engine._connections
    stuck.waiting = True
    await until(engine.lost.done)
    assert "has not answered" in str(engine.lost.result())
    assert idle.closed == stuck.closed == [engine.lost.result()]


async def test_idle_threads_and_threads_that_answer_are_left_alone(engine: EngineClient) -> None:
    _, busy = engine._connections
    busy.waiting = True
    for _ in range(100):
        busy.answered += 1
        await looks(1)
    assert not engine.lost.done()


async def test_a_server_that_was_stopped_itself_does_not_blame_its_engine(engine: EngineClient) -> None:
    _, busy = engine._connections
    busy.waiting = True
    await looks(2)
    time.sleep(5 * STALL)  # noqa: ASYNC251 - this process has no turn, and so can't read an answer either
    await looks(1)
    busy.answered += 1
    await looks(2)
    assert not engine.lost.done()


@pytest.mark.parametrize("longest", [1.0, 1000.0])
async def test_a_slow_machine_is_given_more_time_up_to_a_limit(engine: EngineClient, longest: float) -> None:
    _, busy = engine._connections
    engine._longest_step = longest * STALL / module.STALL_TIMES * 2
    busy.waiting = True
    await until(engine.lost.done)
    waited = min(2 * longest, module.MAX_STALLS) * STALL
    assert f"for {waited:.1f} s" in str(engine.lost.result())
