"""The drift job behind a real server and a real Collector; the provider can become slower, and the traffic can change.

The audio is hibari's, a real voice that speaks ten times as fast as the default one, kept to a steady pace that it can
hold on a busy machine too: what is 1.5 times slower is then the provider, whatever else the machine does. A window with
too few requests decides nothing, and the clients go on until there are windows that can be judged.
The reference is bootstrapped: its 168 windows are blocks of some hundred real requests' events, put at new times under
new ids. All windows that are judged are as they happened.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.clients.texts import PROSE
from drift.state.state_folder import name_of
from server.app import Service
from server.providers.hibari import HibariVoice
from server.providers.packaged import PackagedProvider
from server.settings import Settings
from tests.faulty_provider import Faulty
from tests.integration.test_drift_job import environment
from tests.server_process import ROOT
from tests.stack import Stack, eventually

WINDOW = timedelta(seconds=24)
MOST_WINDOWS = 10
"""That clients go on for, until enough of them can be judged."""
MINIMUM_ROWS = 200
PACE = 0.5
"""Seconds that the provider takes for a second of audio. It could do with a twentieth of that, so it keeps this pace
when it has to wait for the processor, too."""
CLIENTS = 20
REFERENCE_REQUESTS = 900
REFERENCE_WINDOWS = 168
BLOCK = 40
"""Requests in a row that a bootstrapped window takes together: what the machine does for some seconds stays in it."""
SHORT, LONG = (2, 6), (5, 6)
"""Words of a text: from 2 to 6, and when the traffic changes 5 or 6."""
WORDS = PROSE["en"].split()
NANOS = 1_000_000_000


class House:
    """A server that exports to the Collector, its clients, and the drift job beside it."""

    def __init__(self, stack: Stack, service: Service, provider: Faulty, folder: Path) -> None:
        self.stack, self.service, self.provider = stack, service, provider
        self.state = folder / "state"
        self.before = folder / "before"
        """Events of the reference."""
        self.environment = environment(
            folder,
            stack.settings.events_folder,
            TTSCOPE_DRIFT_EVENTS=f"{stack.settings.events_folder},{self.before}",
            OTEL_EXPORTER_OTLP_ENDPOINT=stack.endpoint,
            TTSCOPE_DRIFT_WINDOW_SECONDS=str(WINDOW.seconds),
            TTSCOPE_DRIFT_MINIMUM_ROWS=str(MINIMUM_ROWS),
            TTSCOPE_DRIFT_AUTOMATIC="false",
            TTSCOPE_DRIFT_CATCH_UP_WINDOWS=str(MOST_WINDOWS + 5),
        )
        self._random = random.Random(7)

    async def speak(self, words: tuple[int, int], *, count: float = float("inf"), until: float = float("inf")) -> int:
        """Has texts of so many words spoken, by several clients; how many were."""
        spoken = 0

        async def client(session: aiohttp.ClientSession) -> None:
            nonlocal spoken
            while spoken < count and time.time() < until:
                start = self._random.randrange(len(WORDS) - 20)
                text = " ".join(WORDS[start : start + self._random.randint(*words)])
                async with session.post("/tts", json={"text": text, "voice_name": "hibari"}) as answer:
                    assert answer.status == 200
                    await answer.read()
                spoken += 1

        async with aiohttp.ClientSession(self.service.url) as session, asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client(session))
        return spoken

    async def speak_through(self, words: tuple[int, int], windows: int) -> list[datetime]:
        """From the beginning of the next window on, until so many can be judged; their starts."""
        start = (int(time.time()) // WINDOW.seconds + 1) * WINDOW.seconds
        await asyncio.sleep(start - time.time())
        before = len(self.events())
        spoken = 0
        found: list[datetime] = []
        for end in range(start + WINDOW.seconds, start + (MOST_WINDOWS + 1) * WINDOW.seconds, WINDOW.seconds):
            in_window = await self.speak(words, until=end)
            spoken += in_window
            if in_window >= MINIMUM_ROWS + CLIENTS:  # the last answers come when the next window has begun
                found.append(datetime.fromtimestamp(end, UTC) - WINDOW)
            if len(found) == windows:
                await self.arrived(before + spoken)
                return found
        raise AssertionError(f"{spoken} requests in {MOST_WINDOWS} windows: too few to judge {windows}")

    async def calibrate(self) -> None:
        """Learns the reference from real requests."""
        await self.arrived(await self.speak(SHORT, count=60))  # whatever is slow at first only
        known = len(self.events())
        await self.arrived(known + await self.speak(SHORT, count=REFERENCE_REQUESTS))
        real = self.events()[known:]
        begun = int(time.time()) // WINDOW.seconds * WINDOW.seconds
        end = datetime.fromtimestamp(begun, UTC) - 2 * MOST_WINDOWS * WINDOW
        _write(self.before / "requests.jsonl", _bootstrapped(real, end))
        start = end - REFERENCE_WINDOWS * WINDOW
        done = await asyncio.to_thread(self.drift, "calibrate", "--from", start.isoformat(), "--to", end.isoformat())
        assert done.returncode == 0, done.stdout + done.stderr

    async def slow_down(self) -> None:
        """The provider becomes 1.5 times slower: that is found within two windows; the traffic is said to be usual."""
        self.provider.factor = 1.5
        slowed = await self.speak_through(SHORT, 2)
        done = await asyncio.to_thread(self.drift, "run")
        assert done.returncode == 3, done.stdout + done.stderr
        assert self.verdict(slowed[0])["state"] in {"suspected", "drift"}
        found = self.verdict(slowed[1])
        assert found["state"] == "drift"
        assert "latency" in detected(found), found["scores"]
        assert times_the_usual("latency", found) > 1.3
        assert "words" not in detected(found)
        assert "drift" in self.page(slowed[1])
        assert "Traffic is as usual" in self.page(slowed[1])
        await self.gauge("latency", 1)
        assert self.stack.value('tts_drift_detected{column="words"}') == 0
        score, threshold = (self.stack.value(f'tts_drift_{it}{{column="latency"}}') for it in ("score", "threshold"))
        assert score > threshold > 0

    async def gauge(self, column: str, value: float) -> None:
        """Waits until Prometheus says whether drift of the column is detected."""
        query = f'tts_drift_detected{{column="{column}"}}'
        assert await asyncio.to_thread(eventually, lambda: self.stack.value(query) == value)

    async def arrived(self, count: int) -> None:
        """Waits until the Collector has written so many events."""
        assert await asyncio.to_thread(eventually, lambda: len(self.events()) >= count)

    def events(self) -> list[dict[str, Any]]:
        """Those of requests, as the Collector wrote them."""
        return [record for record in self.stack.events() if record.get("eventName") == "tts.request"]

    def drift(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drift", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def verdict(self, start: datetime) -> dict[str, Any]:
        return dict(json.loads((self.state / "windows" / name_of(start) / "verdict.json").read_text()))

    def page(self, start: datetime) -> str:
        return (self.state / "windows" / name_of(start) / "index.html").read_text()


@asynccontextmanager
async def running_house(stack: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A server that exports to the stack, with a provider of a steady pace."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stack.endpoint)
    threads = len(os.sched_getaffinity(0))
    hibari = PackagedProvider(
        HibariVoice(), threads=threads, max_audio_seconds=900, log=logging.getLogger("ttscope.test")
    )
    provider = Faulty(hibari)
    provider.pace = PACE
    settings = Settings(port=0, management_port=0, data_dir=folder, default_voice="hibari", cache_bytes=0)
    service = Service(settings, [provider])
    await (await service.start())
    yield House(stack, service, provider, folder / "drift")
    await service.stop()


def _bootstrapped(records: Sequence[dict[str, Any]], end: datetime) -> Iterator[dict[str, Any]]:
    """A week of windows before ``end``, each of blocks of ``records``."""
    chance = random.Random(1)
    first = int(end.timestamp()) - REFERENCE_WINDOWS * WINDOW.seconds
    for window in range(REFERENCE_WINDOWS):
        begins = [chance.randrange(len(records) - BLOCK) for _ in range(1 + MINIMUM_ROWS // BLOCK)]
        rows = [record for begin in begins for record in records[begin : begin + BLOCK]]
        for number, record in enumerate(rows):
            at = (first + window * WINDOW.seconds) * NANOS + number * WINDOW.seconds * NANOS // len(rows)
            own = {"key": "tts.request_id", "value": {"stringValue": f"bootstrapped-{window}-{number}"}}
            others = [attribute for attribute in record["attributes"] if attribute["key"] != own["key"]]
            yield {**record, "timeUnixNano": str(at), "attributes": [own, *others]}


def _write(path: Path, records: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        for record in records:
            file.write(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}) + "\n")


def times_the_usual(column: str, verdict: dict[str, Any]) -> float:
    """The change of a column's median, at equal length where that counts."""
    return float(next(score for score in verdict["scores"] if score["column"] == column)["change"]["ratio"])


def detected(verdict: dict[str, Any]) -> set[str]:
    return {score["column"] for score in verdict["scores"] if score["detected"]}
