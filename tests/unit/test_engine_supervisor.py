"""An engine that is lost is replaced: pauses, limits, and what is told of it; engines without processes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import pytest

from server.engine.supervisor import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_FAILURES,
    STEADY_SECONDS,
    EngineSupervisor,
)
from server.errors import EngineFailed, ShuttingDown
from server.scheduling.engine import EngineLost
from tests.counting_engine import until


class FakeEngine:
    """An engine that is lost when the test says so."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[EngineLost] = asyncio.get_running_loop().create_future()
        self.ended: list[Exception] = []

    async def kill(self, error: EngineLost) -> None:
        self.ended.append(error)

    async def close(self, error: Exception) -> None:
        self.ended.append(error)


class Machine:
    """Starts engines as it is told to, at a clock of its own, and takes down what is reported."""

    def __init__(self) -> None:
        self.now = 0.0
        self.starts: deque[Exception] = deque()
        """What the next starts raise; past the end they succeed."""
        self.engines: list[FakeEngine] = []
        self.pauses: list[float] = []
        self.reports: list[str] = []
        self.supervisor = EngineSupervisor(
            self._start, self, logging.getLogger("test"), sleep=self._sleep, clock=lambda: self.now
        )

    def worker_restarted(self, worker: str) -> None:
        self.reports.append(f"restarted {worker}")

    def stopped(self) -> None:
        assert self.supervisor.running is None
        self.reports.append("stopped")

    def resumed(self) -> None:
        assert self.supervisor.running is self.engines[-1]
        self.reports.append("resumed")

    def lost(self, error: Exception) -> None:
        self.reports.append(f"lost: {error}")

    async def lose(self, after: float = 1.0) -> None:
        """Loses the engine that runs, ``after`` seconds of its life, and waits for what comes of it."""
        told = len(self.reports)
        self.now += after
        self.engines[-1].lost.set_result(EngineLost("it is gone"))
        await until(lambda: bool(self.reports[told:]) and self.reports[-1].startswith(("resumed", "lost")))

    async def _start(self) -> FakeEngine:
        if self.starts:
            raise self.starts.popleft()
        self.engines.append(FakeEngine())
        return self.engines[-1]

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
async def machine() -> Machine:
    machine = Machine()
    await machine.supervisor.start()
    return machine


async def test_a_lost_engine_is_ended_and_replaced(machine: Machine) -> None:
    await machine.lose()
    first, second = machine.engines
    assert [str(error) for error in first.ended] == ["it is gone"]
    assert second.ended == []
    assert machine.supervisor.running is second
    assert machine.reports == ["stopped", "restarted engine", "resumed"]
    await machine.supervisor.close(ShuttingDown("the test is over"))
    assert [type(error) for error in second.ended] == [ShuttingDown]


async def test_pauses_grow_while_engines_are_lost_soon_and_begin_anew_after_a_steady_one(machine: Machine) -> None:
    for _ in range(9):
        await machine.lose(after=STEADY_SECONDS / 2)
    assert machine.pauses == [min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) for number in range(9)]
    assert machine.pauses[-1] == LONGEST_PAUSE
    await machine.lose(after=STEADY_SECONDS)
    assert machine.pauses[-1] == FIRST_PAUSE
    assert "lost: it is gone" not in machine.reports  # what starts and is lost again is never given up


async def test_starts_that_fail_are_tried_again_and_in_the_end_given_up(machine: Machine) -> None:
    machine.starts.extend([EngineFailed("no")] * (MAX_FAILURES - 1))
    await machine.lose()
    assert machine.reports == ["stopped", *["restarted engine"] * MAX_FAILURES, "resumed"]
    machine.reports.clear()
    machine.starts.extend([EngineFailed("no")] * MAX_FAILURES)
    await machine.lose()
    assert machine.reports == ["stopped", *["restarted engine"] * MAX_FAILURES, "lost: it is gone"]
    assert machine.supervisor.running is None
    assert len(machine.engines) == 2
    await machine.supervisor.close(ShuttingDown("the test is over"))


async def test_a_first_start_that_fails_is_told_and_not_tried_again() -> None:
    machine = Machine()
    machine.starts.append(EngineFailed("there is no such device"))
    with pytest.raises(EngineFailed, match="no such device"):
        await machine.supervisor.start()
    assert machine.pauses == []
    await machine.supervisor.close(ShuttingDown("the test is over"))


async def test_a_mistake_in_a_start_is_a_lost_engine(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.starts.append(ZeroDivisionError("ours"))
    await machine.lose()
    assert machine.reports[-1] == "lost: ours"
    assert "a mistake of the server" in caplog.text


async def test_closed_while_it_waits_to_start_again_it_starts_nothing() -> None:
    machine = Machine()
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    machine.supervisor._sleep = sleep
    await machine.supervisor.start()
    machine.engines[-1].lost.set_result(EngineLost("it is gone"))
    await waiting.wait()
    await machine.supervisor.close(ShuttingDown("the test is over"))
    assert len(machine.engines) == 1
    assert machine.reports == ["stopped"]
