"""Replays recorded traffic against a server: arrivals and lengths from event files, with filler in place of the texts.

Requests that were invalid are left out. One whose audio came from the cache repeats an earlier text of its length.
The server must admit all of it from one address: raise TTSCOPE_REQUESTS_PER_MINUTE, or trust this machine as a proxy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bench.clients.api_key import authorization
from bench.clients.figures import percentile
from bench.clients.filler import filler
from bench.clients.load import Reply, Request, scheduled_loop, session_to
from bench.recorded import RecordedRequest, Traffic, read_traffic, seconds_since
from bench.results.file import number, table
from drift.errors import DriftError

REQUEST_SECONDS = 300.0
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """What was recorded, and the replies of the replay, in the same order."""

    traffic: Traffic
    replies: tuple[Reply, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when every request was sent, 1 when there are none or the events can't be read."""
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__)
    parser.add_argument("events", type=Path, nargs="+", help="event files, or folders of them")
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="the server (default %(default)s)")
    parser.add_argument("--start", type=moment, help="from this time on, such as 2026-11-30T14:20 (UTC)")
    parser.add_argument("--minutes", type=float, help="only so many minutes; without --start the busiest ones")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster they arrive (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        traffic = selection(read_traffic(options.events), options.start, options.minutes)
    except (DriftError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not traffic.requests:
        print("no recorded requests in this time", file=sys.stderr)
        return 1
    print(f"{len(traffic.requests)} requests of {traffic.seconds:.0f} s; {traffic.skipped} others are left out")
    run = asyncio.run(replay(traffic, options.url, options.speed))
    print(comparison(run))
    return 0


def moment(text: str) -> datetime:
    """Returns a time; without a zone it is in UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def selection(traffic: Traffic, start: datetime | None, minutes: float | None) -> Traffic:
    """Returns the stretch to replay."""
    if start is not None:
        return traffic.between(
            start, start + timedelta(minutes=minutes) if minutes else datetime.max.replace(tzinfo=UTC)
        )
    return traffic.busiest(timedelta(minutes=minutes)) if minutes else traffic


async def replay(traffic: Traffic, url: str, speed: float = 1.0) -> ReplayRun:
    """Sends the requests at the times at which they arrived."""
    async with session_to(url, REQUEST_SECONDS) as session:
        session.headers.update(authorization())
        voices = await offered_voices(session)
        schedule = [
            (at / speed, request)
            for (at, _), request in zip(seconds_since(traffic.requests), rebuilt(traffic.requests, voices), strict=True)
        ]
        run = await scheduled_loop(session, schedule)
    return ReplayRun(traffic, run.replies)


async def offered_voices(session: aiohttp.ClientSession) -> frozenset[str]:
    """Returns the names of the server's voices; none if it does not tell."""
    async with session.get("/v1/audio/voices") as response:
        if response.status != 200:
            return frozenset()
        content = await response.json()
    return frozenset(voice["id"] for voice in content.get("voices", ()))


def rebuilt(requests: Sequence[RecordedRequest], voices: frozenset[str]) -> list[Request]:
    """Returns the requests with filler; a voice that the server lacks becomes its default voice."""
    latest: dict[tuple[int, int, str], str] = {}
    result = []
    for number_of, each in enumerate(requests):
        key = each.words, each.characters, each.voice
        text = latest.get(key) if each.cached else None
        latest[key] = text = text or filler(each.words, each.characters, seed=number_of)
        fields: dict[str, object] = {"text": text, "stream": each.streamed, "speed": each.speed}
        if each.voice in voices:
            fields["voice_name"] = each.voice
        result.append(Request("/tts", json.dumps(fields).encode(), JSON, text))
    return result


def comparison(run: ReplayRun) -> str:
    """Returns a table of what was recorded and what the replay measured."""
    recorded = run.traffic.requests
    streams = [reply for reply, each in zip(run.replies, recorded, strict=True) if each.streamed]
    first = [reply.first_audio for reply in streams if reply.first_audio is not None]
    total = [reply.seconds for reply in run.replies if reply.status == 200]
    outcomes = Counter(each.outcome for each in recorded)
    statuses = Counter(reply.status for reply in run.replies)
    rows = [
        row("first audio p50 s", run.traffic.first_audio(0.5), percentile(first, 0.5)),
        row("first audio p95 s", run.traffic.first_audio(0.95), percentile(first, 0.95)),
        row("total p50 s", run.traffic.total(0.5), percentile(total, 0.5)),
        row("total p95 s", run.traffic.total(0.95), percentile(total, 0.95)),
        ("answered", str(outcomes["ok"]), str(statuses[200])),
        ("refused for lack of room", str(outcomes["rejected"]), str(statuses[429])),
        ("failed", str(outcomes["error"]), str(failed(statuses))),
    ]
    return table(("", "recorded", "replayed"), rows)


def row(name: str, recorded: float, replayed: float) -> tuple[str, str, str]:
    """Returns a row of two figures."""
    return name, number(recorded), number(replayed)


def failed(statuses: Mapping[int, int]) -> int:
    """Returns the number of requests that were neither answered nor refused for lack of room."""
    return sum(count for status, count in statuses.items() if status not in (200, 429))


if __name__ == "__main__":
    sys.exit(main())
