"""Finds the pauses of speech by its energy, without a model and without the times that the server gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

HOP = 0.005
"""Seconds of a frame."""
LEAST = 0.06
"""Seconds of the shortest pause; the closure of a stop consonant is shorter."""
QUIET = 0.03
"""The level of a pause as a share of the loud frames'."""


def pauses(samples: npt.NDArray[np.floating], rate: int) -> list[tuple[float, float]]:
    """Returns when each pause begins and ends, in seconds; ``samples`` are mono, shape (samples,)."""
    size = round(HOP * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    levels = np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1))
    quiet = levels < QUIET * np.percentile(levels, 95)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(int), [0]))))
    found = [(float(start) * HOP, float(stop) * HOP) for start, stop in edges.reshape(-1, 2)]
    return [(start, stop) for start, stop in found if stop - start >= LEAST]


def onsets_apart(
    words: Sequence[tuple[str, float, float]], samples: npt.NDArray[np.floating], rate: int, reach: float = 0.15
) -> list[float]:
    """Returns how many seconds after the end of the pause before it each word is said to begin, for the words after a
    mark with a pause that is heard. ``words`` are what is written, and when it begins and ends."""
    heard = pauses(samples, rate)
    apart = []
    for (before, _, end), (_, start, _) in pairwise(words):
        near = [each for each in heard if each[0] < start + reach and each[1] > end - reach]
        if before[-1] in ",;:.!?" and near:
            longest = max(near, key=lambda each: each[1] - each[0])
            apart.append(start - longest[1])
    return apart
