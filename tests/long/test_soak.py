"""Ten thousand short requests leave no trace in the server's memory; an hour of all kinds, none in anything else."""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.clients.load import Request, closed_loop, session_to
from bench.clients.passage import cut, passage
from bench.targets.contenders import ttscope_request, ttscope_stream_request
from bench.targets.process import ServerProcess, running, ttscope
from tests.server_process import LiveServer
from tests.soak import SETTINGS, soak, thirds

REQUESTS = int(os.environ.get("TTSCOPE_SOAK_REQUESTS", "10000"))
WARM_UP = REQUESTS // 10
BATCH = REQUESTS // 50
"""Requests between two looks at the memory."""
CLIENTS = 4
GROWTH = 1.05
SECONDS = float(os.environ.get("TTSCOPE_SOAK_SECONDS", "3600"))
SLOWER = 1.25
"""Of the time of a request, from the second third to the last, left to what else the machine does."""


def short_requests() -> Iterator[Request]:
    """Texts of two to five words, every fourth one as a stream."""
    for number in itertools.count():
        text = cut(number * 7 % len(passage()), 2 + number % 4)
        yield ttscope_stream_request(text) if number % 4 == 3 else ttscope_request(text)


@pytest.mark.timeout(4 * 3600)
async def test_memory_stays_flat_over_ten_thousand_requests():
    async with running(ttscope()) as server:
        requests = short_requests()
        await speak(server, requests, WARM_UP)
        sizes = []
        for _ in range(REQUESTS // BATCH):
            await speak(server, requests, BATCH)
            sizes.append(server.memory().current)
        fifth = len(sizes) // 5
        first, last = statistics.median(sizes[:fifth]), statistics.median(sizes[-fifth:])
        print(f"memory {first / 1e6:.0f} MB, after {REQUESTS} requests {last / 1e6:.0f} MB")
        assert last <= first * GROWTH


async def speak(server: ServerProcess, requests: Iterator[Request], count: int) -> None:
    async with session_to(server.url, 120.0) as session:
        turn = await closed_loop(session, list(itertools.islice(requests, count)), CLIENTS, 3600.0)
    assert Counter(reply.status for reply in turn.replies) == {200: count}


@pytest.mark.timeout(4 * 3600)
async def test_nothing_grows_in_an_hour_and_no_request_takes_longer(voices_folder: Path, tmp_path: Path):
    shutil.copytree(voices_folder, tmp_path / "voices", copy_function=os.link)
    with LiveServer(tmp_path, **SETTINGS) as server:
        soaked = await soak(server.wait_until_ready(), SECONDS)
        print(soaked)
        soaked.hold()
        middle, last = thirds(soaked.latencies)
        assert last <= middle * SLOWER
        assert server.stop() == 0
