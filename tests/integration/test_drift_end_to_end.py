"""The drift job behind a real server and a real Collector: a provider that becomes slower is found.

That longer texts are told apart from it is in tests/long/test_drift_end_to_end.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.drift_house import House, running_house
from tests.stack import Stack

pytestmark = pytest.mark.timeout(1800)  # the first test builds the stack, if it is not in the cache


@pytest.fixture
async def house(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with running_house(stack, tmp_path, monkeypatch) as house:
        yield house


async def test_a_slower_provider_is_found(house: House) -> None:
    await house.calibrate()
    await house.slow_down()
