"""The accounts of a real server close: all of the machine's time has a use, and what requests cost is their part."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from drift.accounting import report_costs
from drift.settings import Settings
from tests.server_process import LiveServer
from tests.service_client import samples

CORES = len(psutil.Process().cpu_affinity())
CORE_SECOND = 0.001
PRICES = f"""
currency = "EUR"
cpu_core_hour = {CORE_SECOND * 3600}
carbon_grams_per_kwh = 300
watts_per_core = 5
[budget]
month = 10
"""
TEXTS = [f"Sentence number {number} is one of several that are spoken at the same time." for number in range(6)]
LONG = "This request ends before all of its sentences are spoken. " * 12
CLOSE = 0.01
"""The accounts close within one percent."""


async def speak(session: aiohttp.ClientSession, url: str, text: str, **body: Any) -> None:
    async with session.post(f"{url}/tts", json={"text": text, **body}) as response:
        assert response.status == 200
        await response.read()


async def metrics(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(f"{url}/prometheus") as response:
        return await response.text()


async def leave(session: aiohttp.ClientSession, url: str) -> None:
    """Requests a whole answer, and leaves when some of its steps are done."""
    [before] = samples(await metrics(session, url), "tts_batch_size_count")
    speaking = asyncio.create_task(speak(session, url, LONG))
    async with asyncio.timeout(60):
        while samples(await metrics(session, url), "tts_batch_size_count")[0] < before + 3:
            await asyncio.sleep(0.02)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)


async def traffic(url: str) -> str:
    """Speaks one after another, at the same time, again, and not to the end; returns the metrics after it."""
    async with aiohttp.ClientSession() as session:
        await speak(session, url, "Nobody else speaks now.", cache=False)
        await asyncio.gather(*(speak(session, url, text, stream=number % 2 == 0) for number, text in enumerate(TEXTS)))
        await asyncio.gather(*(speak(session, url, "Two listeners hear the same synthesis.") for _ in range(2)))
        await speak(session, url, TEXTS[1])
        await leave(session, url)
        async with asyncio.timeout(60):
            while True:
                async with session.get(f"{url}/metrics") as response:
                    if not (await response.json())["requests_in_flight"]:
                        break
                await asyncio.sleep(0.05)
        return await metrics(session, url)


def events_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns the attributes of the events by the event's name, in order."""
    events: dict[str, list[dict[str, Any]]] = {}
    for line in (folder / "events" / "requests.jsonl").read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line)["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    values = {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
                    events.setdefault(record["eventName"], []).append(values)
    return events


def total(events: list[dict[str, Any]], *fields: str) -> float:
    return sum(float(event.get(field, 0.0)) for event in events for field in fields)


def test_the_accounts_close(data_dir: Path, tmp_path: Path) -> None:
    prices = data_dir / "prices.toml"
    prices.write_text(PRICES, encoding="utf-8")
    before = time.monotonic()
    with LiveServer(data_dir, TTSCOPE_PRICES_FILE=str(prices)) as server:
        server.wait_until_ready()
        ready = time.monotonic()
        text = asyncio.run(traffic(server.url))
        spoken = time.monotonic()
        assert server.stop() == 0
    ended = time.monotonic()
    events = events_of(data_dir)
    requests, machine = events["tts.request"], events["tts.machine"]

    first = requests[0]  # each of its steps had one core
    steps = float(first["tts.stage.infer"]) + float(first["tts.stage.decode"])
    assert float(first["tts.cpu_seconds"]) == pytest.approx(steps, rel=CLOSE)
    assert float(first["tts.cost"]) == pytest.approx(steps * CORE_SECOND, rel=CLOSE)
    assert {event["tts.currency"] for event in requests} == {"EUR"}

    seconds = total(machine, "tts.machine.seconds")
    assert spoken - ready < seconds < ended - before
    uses = [total(machine, f"tts.machine.cpu.{use}") for use in ("requests", "wasted", "overhead", "idle")]
    assert sum(uses) == pytest.approx(seconds * CORES, rel=CLOSE)
    assert min(uses) > 0
    costs = [total(machine, f"tts.machine.cost.{use}") for use in ("requests", "wasted", "overhead", "idle")]
    assert sum(costs) == pytest.approx(seconds * CORES * CORE_SECOND, rel=CLOSE)
    assert total(requests, "tts.cost") == pytest.approx(costs[0], rel=CLOSE)
    assert total(machine, "tts.machine.carbon") == pytest.approx(total(machine, "tts.machine.energy") / 3.6e6 * 300)

    text_of_report, paths = report_costs(Settings(events=(data_dir / "events",), state=tmp_path), None)
    assert f"{len(requests)} requests cost " in text_of_report
    assert "The accounts close" in text_of_report
    assert float(json.loads(paths[2].read_text())["machines"]["cost"]["idle"]) == pytest.approx(costs[3])

    by_cache = {event["tts.cache"]: event for event in requests}
    for result in ("hit", "coalesced"):
        assert float(by_cache[result]["tts.cost"]) == 0.0
        assert float(by_cache[result]["tts.cost_saved"]) > 0.0
    assert sum(samples(text, "tts_cost_total")) == pytest.approx(total(requests, "tts.cost"))
    assert sum(samples(text, "tts_tenant_cost_total", tenant="default")) == pytest.approx(total(requests, "tts.cost"))
    assert sum(samples(text, "tts_cost_saved_total")) == pytest.approx(total(requests, "tts.cost_saved"))
    assert samples(text, "tts_cost_budget", tenant="*", period="month") == [10.0]
