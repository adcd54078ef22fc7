"""Simulated traffic as rows: with a day and a week in it, hours that resemble their neighbours, and faults at will.

The figures are of real runs: seconds by length of `bench/RESULTS.md` and of the server's own events (a fixed share and
one by character that scatter by 9 to 20 %, 0.8 ms from the cache by 60 %), loudness -25.0 dB by 1.1, silence 0.21 by
0.07, 0.0566 s a character, which is more in short texts, real time factor 0.137 by 25 %. What varies from hour to hour
without harm was assumed, as in the first measurements: latency 7 %, lengths 5 %, shares of voices 12 %, a tenth of a
standard deviation in what is heard; besides, 10 % in hits and streams, 30 % in what goes wrong and in queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
import pandas as pd

from otel.contract.ranges import CHARACTERS, WORDS

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
VOICES = ("joe", "hibari", "amy", "lessac", "kokoro")
VOICE_SHARES = np.array([0.45, 0.25, 0.15, 0.10, 0.05])
VOICE_LANGUAGES = np.array(["en", "en", "en", "en", "ja"], dtype=object)
VOICE_LOUDNESS = np.array([-25.0, -23.5, -24.0, -26.0, -22.0])
VOICE_PACE = np.array([0.0535, 0.0575, 0.0550, 0.0520, 0.0800])
VOICE_COST = np.array([1.0, 0.35, 1.1, 1.05, 1.6])
ENDPOINTS = np.array(["/tts", "/v1/audio/speech", "/api/tts"], dtype=object)


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour's traffic and service are like; all of it may be changed by a test."""

    rows: int = 1000
    words: float = 1.0
    """Times the usual."""
    voices: np.ndarray = field(default_factory=lambda: VOICE_SHARES)
    latency: float = 1.0
    """Times the usual work for a text."""
    queue: float = 0.004
    """Seconds in the mean."""
    loudness: float = 0.0
    """dB more than usual."""
    silence: float = 0.0
    pace: float = 1.0
    hits: float = 0.25
    streams: float = 0.4
    errors: float = 0.004
    refusals: float = 0.002
    invalid: float = 0.01
    fallbacks: float = 0.003
    clipping: float = 0.002
    faults: float = 0.002
    build: str = "0.1.0"
    slow_voice: str | None = None
    """If there is one, ``latency`` holds for it alone, in texts of 26 to 50 words."""


@dataclass(slots=True)
class Service:
    """A service that goes on for weeks; ``hours`` gives one hour after the other."""

    seed: int
    rows: int = 1000
    """By day; at night there are fewer."""
    steady: bool = False
    """Without day and night in the number of rows: for power at a given number."""
    memory: float = 0.6
    """The correlation of neighbouring hours."""
    variation: float = 1.0
    """Times the harmless variation."""

    def hours(self, number: int, start: datetime = MONDAY) -> Iterator[tuple[datetime, Hour]]:
        """So many hours, each with its start."""
        rng = np.random.default_rng(self.seed)
        mood = rng.normal(size=16)
        for count in range(number):
            mood = self.memory * mood + np.sqrt(1 - self.memory**2) * rng.normal(size=16)
            moment = start + count * HOUR
            yield moment, self._hour(moment, mood * self.variation, rng)

    def _hour(self, moment: datetime, mood: np.ndarray, rng: np.random.Generator) -> Hour:
        sun = np.cos((moment.hour - 14) / 24 * 2 * np.pi)  # 1 at two in the afternoon, -1 at two at night
        weekend = moment.weekday() >= 5
        load = np.exp(0.9 * sun - (0.5 if weekend else 0.0))
        shares = VOICE_SHARES * np.exp(0.12 * mood[:5]) * np.exp(np.array([0.05, 0, 0, 0, -0.1]) * sun)
        return Hour(
            rows=self.rows if self.steady else int(rng.poisson(self.rows * load)),
            words=float(np.exp(0.05 * mood[5] + 0.02 * sun)),
            voices=shares / shares.sum(),
            latency=float(np.exp(0.07 * mood[6] + 0.03 * sun)),
            queue=float(0.004 * np.exp(0.3 * mood[7] + 0.8 * sun)),
            loudness=float(0.11 * mood[8]),
            silence=float(0.0075 * mood[9]),
            pace=float(np.exp(0.005 * mood[10])),
            hits=float(np.clip(0.25 * np.exp(0.1 * mood[11]), 0, 0.9)),
            streams=float(np.clip(0.4 * np.exp(0.1 * mood[12]), 0, 0.9)),
            errors=float(0.004 * np.exp(0.3 * mood[13])),
            invalid=float(0.01 * np.exp(0.3 * mood[14])),
            refusals=float(0.002 * np.exp(0.3 * mood[15] + 0.5 * sun)),
        )


def rows_of(hour: Hour, start: datetime, rng: np.random.Generator) -> pd.DataFrame:
    """The hour's rows, by time."""
    n = hour.rows
    pick = rng.choice(len(VOICES), n, p=hour.voices)
    words = np.maximum(1, np.rint(np.exp(rng.normal(np.log(20), 0.85, n)) * hour.words)).astype(int)
    characters = np.maximum(2, np.rint(words * rng.normal(5.3, 0.45, n))).astype(int)
    speed = np.where(rng.random(n) < 0.03, 1.25, 1.0)
    streamed = rng.random(n) < hour.streams
    hit = rng.random(n) < hour.hits
    luck = rng.random(n)
    invalid = luck < hour.invalid
    refused = ~invalid & (luck < hour.invalid + hour.refusals)
    error = ~invalid & ~refused & ~hit & (rng.random(n) < hour.errors / max(1e-9, 1 - hour.hits))
    cancelled = ~invalid & ~refused & ~error & (rng.random(n) < 0.005)
    outcome = np.select([invalid | refused, error, cancelled], ["rejected", "error", "cancelled"], "ok").astype(object)
    reached = ~invalid & ~refused
    made = reached & ~hit
    ok = outcome == "ok"
    fell_back = made & (rng.random(n) < hour.fallbacks)
    slowed = np.full(n, hour.latency)
    if hour.slow_voice is not None:
        mine = (np.array(VOICES, dtype=object)[pick] == hour.slow_voice) & (words > 25) & (words <= 50)
        slowed = np.where(mine, hour.latency, 1.0)
    work = (0.05 + 0.0018 * characters / speed) * VOICE_COST[pick] * slowed * np.exp(rng.normal(0, 0.2, n))
    work = work * np.where(fell_back, 1.5, 1.0)
    queue = rng.exponential(hour.queue, n)
    duration = np.where(hit, 0.0008 * np.exp(rng.normal(0, 0.6, n)), queue + work)
    first = np.where(
        hit,
        duration,
        np.where(
            streamed,
            queue
            + (0.09 + 0.0002 * np.minimum(characters, 300))
            * slowed
            * VOICE_COST[pick]
            * np.exp(rng.normal(0, 0.25, n)),
            duration,
        ),
    )
    pace = VOICE_PACE[pick] * hour.pace * np.exp(rng.normal(0, 0.06, n)) + 0.25 / characters
    audio = pace * characters / speed
    clipped = rng.random(n) < hour.clipping
    faulty = rng.random(n) < hour.faults
    where_made = ok & made

    def only(condition: np.ndarray, values: object, none: object = None) -> np.ndarray:
        return np.where(condition, values, none)

    def number(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.where(condition, values, np.nan)

    return pd.DataFrame(
        {
            "time": pd.to_datetime(np.sort(rng.integers(0, 3_600_000_000, n)), unit="us", utc=True)
            + (start - datetime(1970, 1, 1, tzinfo=UTC)),
            "request_id": [f"{start:%m%d%H}-{i}" for i in range(n)],
            "endpoint": ENDPOINTS[rng.choice(3, n, p=[0.5, 0.45, 0.05])],
            "status": np.select([invalid, refused, error, cancelled], [422, 429, 500, 499], 200),
            "outcome": outcome,
            "error_type": np.select(
                [invalid, refused, error], ["invalid_request", "queue_full", "engine_failed"], None
            ),
            "voice": only(~invalid, np.array(VOICES, dtype=object)[pick]),
            "voice_checksum": only(~invalid, np.array([f"sum-{v}" for v in VOICES], dtype=object)[pick]),
            "language": only(~invalid, VOICE_LANGUAGES[pick]),
            "speed": number(~invalid, speed),
            "words": number(~invalid, words),
            "characters": number(~invalid, characters),
            "word_range": only(~invalid, _labels(WORDS, words)),
            "character_range": only(~invalid, _labels(CHARACTERS, characters)),
            "streamed": only(~invalid, streamed),
            "duration": number(reached, duration),
            "time_to_first_audio": number(ok, first),
            "real_time_factor": number(where_made, 0.95 * work / np.maximum(audio, 0.05)),
            "stream_underrun": number(ok & streamed, np.zeros(n)),
            "audio_duration": number(ok, audio),
            "provider": only(ok & reached, np.where(hit, "coqui", np.where(fell_back, "onnx", "coqui"))),
            "fallback_from": only(fell_back, "coqui"),
            "cache": only(reached, np.where(hit, "hit", "miss")),
            "loudness": number(where_made, VOICE_LOUDNESS[pick] + hour.loudness + rng.normal(0, 1.1, n)),
            "silence_share": number(
                where_made, np.clip(0.21 + hour.silence - 0.6 / characters + rng.normal(0, 0.06, n), 0, 1)
            ),
            "clipping_share": number(where_made, np.where(clipped, rng.exponential(2e-4, n) + 1e-6, 0.0)),
            "seconds_per_character": number(where_made, pace),
            "audio_faults": only(where_made & faulty, "truncated"),
            "build": hour.build,
            "slow_reason": None,
            "queue_wait": number(made, queue),
            "infer": number(made, work * 0.3),
            "word_error_rate": number(where_made, np.maximum(0, rng.normal(0.05, 0.06, n))),
        }
    )


def _labels(ranges: object, counts: np.ndarray) -> np.ndarray:
    uppers = np.asarray(ranges.uppers)  # type: ignore[attr-defined]
    return np.array(ranges.labels[1:], dtype=object)[np.searchsorted(uppers, counts)]  # type: ignore[attr-defined]


Change = Callable[[Hour], Hour]


def _toward(hour: Hour, voice: int, points: float) -> Hour:
    shares = hour.voices.copy()
    shares[0] -= points
    shares[voice] += points
    return replace(hour, voices=shares)


CHANGES: dict[str, tuple[str, Change]] = {
    "latency x1.5": ("latency", lambda h: replace(h, latency=h.latency * 1.5)),
    "words x1.3": ("words", lambda h: replace(h, words=h.words * 1.3)),
    "voice +10 points": ("voice", lambda h: _toward(h, 4, 0.10)),
    "clipping +10 points": ("clipping_share", lambda h: replace(h, clipping=h.clipping + 0.10)),
    "errors +4 points": ("errors", lambda h: replace(h, errors=h.errors + 0.04)),
    "loudness -3 dB": ("loudness", lambda h: replace(h, loudness=h.loudness - 3)),
    "pace x1.15": ("seconds_per_character", lambda h: replace(h, pace=h.pace * 1.15)),
    "fallbacks +10 points": ("fallbacks", lambda h: replace(h, fallbacks=h.fallbacks + 0.10)),
    "cache hits -20 points": ("cache", lambda h: replace(h, hits=max(0.0, h.hits - 0.20))),
}
"""By name: the column that must tell it, and what it does to an hour."""


def week(
    service: Service, number: int = 168, start: datetime = MONDAY, first: int = 0
) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """The windows of so many hours, without the ones before ``first``."""
    for moment, hour in islice(service.hours(number, start), first, None):
        yield moment, rows_of(hour, moment, np.random.default_rng((service.seed, int(moment.timestamp()) // 3600)))
