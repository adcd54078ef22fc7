"""Recordings that clients upload: any rate, any number of channels, any header, and damage to all of it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from server.audio.uploads import LONGEST, SHORTEST, decode, pool
from server.errors import InvalidSample
from tests.fuzz import containers, mutation
from tests.fuzz.endings import unended
from tests.fuzz.target import Target

RATE = 22_050
"""Hz, of what XTTS listens to."""


def make(rng: random.Random) -> bytes:
    """Two of three are damaged."""
    data = containers.any_recording(rng)
    return mutation.mutated(rng, data) if rng.random() < 0.67 else data


def check(data: bytes) -> None:
    """A recording is refused, or becomes finite mono audio within the limits."""
    with unended(pool()):
        try:
            audio = decode(data, RATE)
        except InvalidSample:
            return
    assert audio.ndim == 1
    assert np.isfinite(audio).all()
    assert SHORTEST - 0.1 <= len(audio) / RATE <= LONGEST + 0.1


def known() -> Iterator[tuple[str, bytes]]:
    """Recordings that ended the server: eight channels and more; a long frame at a low rate."""
    for channels in (7, 8, 9, 16, 64):
        for rate in (8, 8_000, 44_100):
            yield f"{channels} channels at {rate} Hz", containers.wav("u8", channels, rate, 65_536 // channels)
    for rate in (1, 40, 100, 1_000, 655_350):
        yield f"flac at {rate} Hz", containers.flac(rate, 1, 65_535, 2)
    for container, codec in containers.MADE:
        yield f"{container} of {codec}", containers.made_or_nothing(container, codec, 1, 16_000)


TARGET = Target(
    "recordings", make, check, share=0.1, known=known, binary=True, prepare=containers.make_all, seconds=150.0
)
