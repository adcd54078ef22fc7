"""Two hundred idle sockets and sixteen that speak at once, with the real voice; the figures are printed."""

from __future__ import annotations

import statistics
from pathlib import Path

import aiohttp
import pytest

from tests.http_calls import speak
from tests.server_process import LiveServer
from tests.socket_crowd import TEXT, idle_sockets, resident_bytes, said_at_once

IDLE, SPEAKING, ROUNDS = 200, 16, 4
SETTINGS = {
    "TTSCOPE_MAX_SOCKETS": str(IDLE + 2 * SPEAKING),  # those of the round before may not have ended yet
    "TTSCOPE_MAX_CLIENT_SHARE": "1",
    "TTSCOPE_REQUESTS_PER_MINUTE": "0",
    "TTSCOPE_CACHE_BYTES": "0",
}
MOST_BYTES = 256 * 1024
"""Of an idle socket; about a tenth of it is usual."""

pytestmark = pytest.mark.timeout(1800)


async def test_idle_sockets_cost_little_and_nothing_is_lost(voices_folder: Path, data_dir: Path) -> None:
    with LiveServer(data_dir, **SETTINGS) as server:
        url, pid = server.wait_until_ready().url, server.process.pid
        *_, whole = speak(url, TEXT, response_format="pcm", sample_rate=16_000)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await said_at_once(session, url, SPEAKING)
            alone = [await said_at_once(session, url, SPEAKING) for _ in range(ROUNDS)]
            before = resident_bytes(pid)
            async with idle_sockets(session, url, IDLE) as idle:
                grown = resident_bytes(pid) - before
                among = [await said_at_once(session, url, SPEAKING) for _ in range(ROUNDS)]
                assert not any(each.closed for each in idle)
                assert all([await each.wake() for each in idle])
        assert server.stop() == 0
    firsts = [[each.first_audio for said in rounds for each in said] for rounds in (alone, among)]
    for name, values in zip(("alone", f"among {IDLE} idle sockets"), firsts, strict=True):
        p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{SPEAKING} sockets {name}: first audio after {p50:.3f} s (p50), {p95:.3f} s (p95)")
    print(f"an idle socket: {grown / IDLE / 1024:.1f} KB")
    sizes = [each.size for rounds in (alone, among) for said in rounds for each in said]
    assert all(0.8 * len(whole) < size < 1.2 * len(whole) for size in sizes)
    assert grown < IDLE * MOST_BYTES
