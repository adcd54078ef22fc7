"""Tests background tasks: a failure does not end them, and every failure is reported."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from server.lifecycle import background
from server.lifecycle.background import FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS, keep_running
from server.synthesis.fallback import probes as probes_module
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.fallback.probes import Probes
from server.telemetry import samplers
from server.telemetry.samplers import SystemSampler
from tests.counting_engine import until
from tests.humming_provider import HummingProvider
from tests.unit.test_chain import Told


@asynccontextmanager
async def kept(name: str, run: object, **options: object) -> AsyncIterator[list[str]]:
    """Runs ``run`` as the server does, and yields the list of failures."""
    failures: list[str] = []
    task = asyncio.create_task(keep_running(name, run, failures.append, **options))
    yield failures
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextmanager
def no_handles() -> Iterator[None]:
    """Leaves this process no free file handles."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 1, before[1])
    )
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    try:
        yield
    finally:
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_it_is_run_again_with_growing_pauses_and_told_once_an_episode(caplog: pytest.LogCaptureFixture) -> None:
    now, pauses, failures = 0.0, [], []
    lives = iter([0.0] * 8 + [STEADY_SECONDS, 0.0])

    async def run() -> None:
        nonlocal now
        life = next(lives, None)
        if life is None:
            return
        now += life
        raise OSError("no handles")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    await keep_running("system", run, failures.append, sleep=sleep, clock=lambda: now)
    episode = [min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) for number in range(8)]
    assert pauses == [*episode, FIRST_PAUSE, 2 * FIRST_PAUSE]
    assert failures == ["system"] * 10
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


async def test_cancelled_it_ends() -> None:
    task = asyncio.create_task(keep_running("system", asyncio.Event().wait, lambda task: None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_sampler_outlives_a_want_of_handles_and_shows_nothing_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samplers, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    sampler = SystemSampler(tmp_path)
    async with kept("system", sampler.run) as failures:
        await until(lambda: sampler.memory_bytes is not None)
        with no_handles():
            await until(lambda: len(failures) > 1 and sampler.memory_bytes is None)
            assert sampler.cpu_percent is None
        await until(lambda: sampler.memory_bytes is not None)


async def test_probes_that_fail_once_still_close_a_breaker_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    told = Told()
    chain = FallbackChain([HummingProvider(name="first"), HummingProvider(name="second")], told)
    await chain.start()
    member = chain.states[0]
    mistakes = iter([RuntimeError("a mistake")])
    tell = told.available

    def available(provider: str, available: bool) -> None:
        if available and (mistake := next(mistakes, None)):
            member.breaker.trip()  # as if the error had occurred before the breaker closed
            raise mistake
        tell(provider, available)

    monkeypatch.setattr(told, "available", available)
    member.breaker.cool_down = 0.01
    member.breaker.trip()
    async with kept("probes", Probes(chain.states, told).run) as failures:
        await until(lambda: failures == ["probes"] and member.available)
    assert told.availability[-1] == ("first", True)
