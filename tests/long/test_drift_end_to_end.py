"""The drift job behind a real server and a real Collector: a provider becomes slower, then only the traffic changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.drift_house import LONG, MINIMUM_ROWS, SHORT, House, detected, running_house, times_the_usual
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path / "stack") as stack:
        yield stack


@pytest.fixture
async def house(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with running_house(stack, tmp_path, monkeypatch) as house:
        yield house


async def test_a_slower_provider_is_found_and_longer_texts_are_told_apart(house: House) -> None:
    await house.calibrate()
    [usual] = await house.speak_through(SHORT, 1)
    done = await asyncio.to_thread(house.drift, "run")
    assert house.verdict(usual)["rows"] >= MINIMUM_ROWS, done.stdout + done.stderr
    assert detected(house.verdict(usual)) & {"latency", "words"} == set()
    await house.slow_down()

    house.provider.factor = 1.0
    longer = await house.speak_through(LONG, 2)
    done = await asyncio.to_thread(house.drift, "run")
    assert done.returncode == 3, done.stdout + done.stderr
    told = house.verdict(longer[1])
    assert told["state"] == "drift"
    assert "words" in detected(told)
    assert "traffic" in told["subjects"]
    assert "times as long as usual (" in house.page(longer[1])
    assert times_the_usual("words", told) > 1.25
    assert times_the_usual("latency", told) < 1.25  # at equal length; what else the machine was doing is in it too
    assert "latency" not in detected(told)
    await house.gauge("words", 1)
    assert house.stack.value('tts_drift_detected{column="latency"}') == 0
