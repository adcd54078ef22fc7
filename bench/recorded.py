"""Recorded traffic: the requests in event files, with their arrivals and lengths and without anyone's words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.clients.figures import percentile
from drift.rows.parquet import HOUR
from drift.rows.store import Rows

MOST_ROWS = 5_000_000
"""The most requests of an hour that are read."""
CACHED = frozenset({"hit", "coalesced"})
INVALID = frozenset(range(400, 500)) - {429, 499}
"""Statuses of requests that would be refused again, whatever the load."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request of the past. Times are in seconds."""

    at: datetime
    """When it arrived: when its event was written, less its duration."""
    words: int
    characters: int
    streamed: bool
    voice: str
    language: str
    speed: float
    cached: bool
    """Whether its audio came from the cache, or from another request's synthesis."""
    outcome: str
    duration: float | None
    first_audio: float | None
    audio: float
    work: float | None
    """The time of making its audio; None unless it was made for this request."""
    provider: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Recorded requests, in the order of their arrivals."""

    requests: tuple[RecordedRequest, ...]
    skipped: int
    """Requests that were invalid, and those without a length."""

    @property
    def seconds(self) -> float:
        """The time from the first arrival to the last."""
        return (self.requests[-1].at - self.requests[0].at).total_seconds() if self.requests else 0.0

    def between(self, start: datetime, end: datetime) -> Traffic:
        """Returns what arrived from ``start`` to before ``end``."""
        return Traffic(tuple(each for each in self.requests if start <= each.at < end), self.skipped)

    def busiest(self, window: timedelta) -> Traffic:
        """Returns the stretch of this length with the most characters; it begins with a request."""
        best, best_start, total, start = -1, 0, 0, 0
        for each in self.requests:
            total += each.characters
            while each.at - self.requests[start].at >= window:
                total -= self.requests[start].characters
                start += 1
            if total > best:
                best, best_start = total, start
        if not self.requests:
            return self
        begin = self.requests[best_start].at
        return self.between(begin, begin + window)

    def first_audio(self, share: float) -> float:
        """Returns a percentile of the time to first audio of streams."""
        return percentile([each.first_audio for each in self.requests if each.streamed and each.first_audio], share)

    def total(self, share: float) -> float:
        """Returns a percentile of the duration of answered requests."""
        return percentile([each.duration for each in self.requests if each.outcome == "ok" and each.duration], share)


def read_traffic(paths: Sequence[Path]) -> Traffic:
    """Returns the requests in event files, or folders of them. Raises DriftError, and OSError."""
    requests, skipped = [], 0
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(Path(folder))
        rows.ingest(paths, now=datetime.now(UTC), judged_until=None)
        for hour in rows.hours():
            for row in rows.window(hour, hour + HOUR, most=MOST_ROWS).frame.to_dict("records"):
                request = recorded(row)
                if request is None:
                    skipped += 1
                else:
                    requests.append(request)
    return Traffic(tuple(sorted(requests, key=lambda each: each.at)), skipped)


def recorded(row: dict[str, Any]) -> RecordedRequest | None:
    """Returns the request of a row; None if it was invalid, or has no length."""
    values = {name: value for name, value in row.items() if value is not None and value == value}  # noqa: PLR0124 - NaN
    if values.get("status") in INVALID or not values.get("characters"):
        return None
    duration, audio = values.get("duration"), float(values.get("audio_duration", 0.0))
    factor = values.get("real_time_factor")
    return RecordedRequest(
        at=values["time"].to_pydatetime() - timedelta(seconds=duration or 0.0),
        words=int(values.get("words", 1)),
        characters=int(values["characters"]),
        streamed=bool(values.get("streamed", False)),
        voice=values.get("voice", ""),
        language=values.get("language", ""),
        speed=float(values.get("speed", 1.0)),
        cached=values.get("cache") in CACHED,
        outcome=values.get("outcome", ""),
        duration=duration,
        first_audio=values.get("time_to_first_audio"),
        audio=audio,
        work=factor * audio if factor is not None else None,
        provider=values.get("provider", ""),
    )


def seconds_since(requests: Sequence[RecordedRequest]) -> Iterator[tuple[float, RecordedRequest]]:
    """Yields each request with the seconds since the first one."""
    for request in requests:
        yield (request.at - requests[0].at).total_seconds(), request
