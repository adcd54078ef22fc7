"""Tests that a restart does not give keys their quotas back."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from otel.contract.values import RateLimitReason
from server.access.usage import UsageStore
from tests.fake_clock import Clock

MONTH = RateLimitReason.CHARACTERS_PER_MONTH


class Restarts:
    """One server after the other with the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()

    def start(self) -> UsageStore:
        store = UsageStore(b"another secret each time", file=self.path, clock=self.clock)
        store.load()
        return store


@pytest.fixture
def restarts(tmp_path: Path) -> Restarts:
    return Restarts(tmp_path / "data" / "usage.json")


async def used(store: UsageStore, subject: str) -> int:
    return await store.used(subject, MONTH, store.period(MONTH))


async def test_what_keys_have_used_outlives_a_restart_and_addresses_are_not_on_disk(restarts: Restarts) -> None:
    first = restarts.start()
    await first.add("key:one", MONTH, first.period(MONTH), 40)
    await first.add("192.0.2.1", MONTH, first.period(MONTH), 40)
    await first.acquire("key:one", 5)
    await first.close()
    assert stat.S_IMODE(restarts.path.stat().st_mode) == 0o600
    assert "192.0.2.1" not in restarts.path.read_text()
    assert [each.name for each in restarts.path.parent.iterdir()] == [restarts.path.name]
    second = restarts.start()
    assert (await used(second, "key:one"), await used(second, "192.0.2.1")) == (40, 0)
    restarts.clock.now = second.period(MONTH).end
    assert await used(restarts.start(), "key:one") == 0


async def test_it_is_saved_while_the_server_runs_if_it_has_changed(
    restarts: Restarts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.access.usage_file.SAVE_SECONDS", 0.01)
    store = restarts.start()
    watching = asyncio.create_task(store.watch())
    await store.add("key:one", MONTH, store.period(MONTH), 40)
    async with asyncio.timeout(60):
        while not restarts.path.exists():
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert await used(restarts.start(), "key:one") == 40
    restarts.path.unlink()
    await restarts.start().close()
    assert not restarts.path.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', json.dumps({"a": ["x", 1]}), "\xff"])
async def test_a_file_that_is_none_is_reported_and_replaced(
    restarts: Restarts, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    restarts.path.parent.mkdir()
    restarts.path.write_text(text, encoding="latin-1")
    store = restarts.start()
    (record,) = caplog.records
    assert record.getMessage() == "what keys have used can't be read, and is counted anew"
    await store.add("key:one", MONTH, store.period(MONTH), 40)
    await store.close()
    assert await used(restarts.start(), "key:one") == 40


async def test_a_folder_that_takes_no_file_is_reported(restarts: Restarts, caplog: pytest.LogCaptureFixture) -> None:
    restarts.path.parent.write_text("a file")
    store = UsageStore(b"secret", file=restarts.path)
    await store.add("key:one", MONTH, store.period(MONTH), 40)
    await store.close()
    (record,) = caplog.records
    assert record.getMessage() == "what keys have used can't be saved"
