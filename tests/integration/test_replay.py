"""A replay against a real server: what it sends is what another server has recorded, but for the words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.recorded import Traffic, read_traffic
from bench.replay import comparison, rebuilt, replay
from tests.service_client import Start

BODIES = [
    {"text": f"{'Zanzibar ' * number}lies in the sea.", "stream": number % 2 == 0, "speed": 1.0 + number % 3 / 4}
    for number in range(1, 8)
]


async def recorded(events: Path, count: int) -> Traffic:
    """The traffic of a server, once it has written so many events."""
    async with asyncio.timeout(60):
        while len((traffic := read_traffic([events])).requests) < count:
            await asyncio.sleep(0.05)
    return traffic


async def test_a_replay_sends_the_same_arrivals_and_lengths_in_other_words(start: Start, tmp_path: Path) -> None:
    first, second = [await start(data_dir=tmp_path / name) for name in "ab"]
    for body in BODIES:
        status, _, _ = await first.tts(body)
        assert status == 200
    assert (await first.tts({"text": ""}))[0] == 422
    before = await recorded(tmp_path / "a" / "events", len(BODIES))
    run = await replay(before, second.url, speed=4.0)
    after = await recorded(tmp_path / "b" / "events", len(BODIES))

    def shapes(traffic: Traffic) -> list[tuple[int, int, bool, float, str]]:
        return [(each.words, each.characters, each.streamed, each.speed, each.voice) for each in traffic.requests]

    assert sorted(shapes(before)) == sorted(shapes(after))
    assert len(before.requests) == len(BODIES)
    assert b"Zanzibar" not in b"".join(request.body for request in rebuilt(before.requests, frozenset({"joe"})))
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in comparison(run).splitlines()]
    assert ["answered", "7", "7"] in rows
    assert ["failed", "0", "0"] in rows
