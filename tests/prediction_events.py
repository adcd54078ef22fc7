"""Events of requests whose durations follow a known law, for trainings of the prediction model."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.unit.drift.events import MORNING, line, record

SPREAD = 0.15
"""The spread of durations that no feature explains."""
VOICES = {"amy": 1.3, "joe": 1.0}
"""How much longer than joe's a voice's audio is."""


def requests(count: int, seed: int = 1, slower: float = 1.0, **changes: Any) -> Iterator[dict[str, Any]]:
    """Yields the attributes of requests: texts of all lengths, two voices, streams, and others that wait."""
    rng = random.Random(seed)
    for _ in range(count):
        words = rng.choice((rng.randint(1, 10), rng.randint(11, 50), rng.randint(51, 250)))
        phonemes, streamed, voice = 6 * words + rng.randint(0, 9), rng.random() < 0.3, rng.choice(list(VOICES))
        ahead, throughput = rng.choice((0.0, 0.0, rng.uniform(0, 60))), 10 * math.exp(rng.gauss(0, 0.1))
        audio = (0.3 + 0.06 * phonemes * VOICES[voice]) * math.exp(rng.gauss(0, 0.05))
        duration = slower * (0.03 + (audio + 0.5 * ahead) / throughput) * math.exp(rng.gauss(0, SPREAD))
        first = slower * (0.05 + 0.1 * ahead / throughput) * math.exp(rng.gauss(0, 0.2)) if streamed else duration
        yield {
            "cache": "miss",
            "word_count": words,
            "char_count": 6 * words,
            "phoneme_estimate": phonemes,
            "speed": 1.0,
            "streamed": streamed,
            "audio_ahead": ahead,
            "requests_ahead": int(ahead / 10),
            "throughput": throughput,
            "voice_name": voice,
            "voice_checksum": f"checksum-{voice}",
            "language": "en",
            "response_format": rng.choice(("wav", "mp3")),
            "device": "cpu",
            "build": "one",
            "duration": duration,
            "time_to_first_audio": first,
            "audio_duration": audio,
            **changes,
        }


def events(
    count: int, seed: int = 1, *, at: datetime = MORNING, apart: timedelta = timedelta(minutes=1), **changes: Any
) -> bytes:
    """The requests as a file of the Collector has them, ``apart`` from each other."""
    return b"".join(
        line(record(number, at=at + number * apart - timedelta(seconds=number), **attributes))
        for number, attributes in enumerate(requests(count, seed, **changes))
    )
