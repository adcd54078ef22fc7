"""Loudness of a whole clip, measured and set by EBU R128: what any player and any broadcaster means by it."""

from __future__ import annotations

import numpy as np

from server.audio.encoding import as_bytes, pool
from server.errors import EngineFailed
from server.sandbox.pool import WorkerCrashed, WorkerLost
from server.utterance import Samples

LOUDNESS_RANGE = (-40.0, -5.0)
"""LUFS that can be asked for: EBU R128 names -23, podcasts have -16, streaming services -14."""
MAX_PEAK = 10 ** (-1 / 20)
"""-1 dBTP, the most that EBU R128 allows: a clip is rather left softer than distorted."""
SILENCE = -70.0
"""LUFS, the measure's own floor."""


def at_loudness(samples: Samples, sample_rate: int, target: float) -> Samples:
    """The clip at ``target`` LUFS, or as near to it as its true peak allows; silence stays what it is.

    Samples have shape (samples,). Source: EBU R128 (2023), ITU-R BS.1770-4.
    """
    loudness, peak = measure(samples, sample_rate)
    if loudness <= SILENCE or not peak:
        return samples
    gain = min(10 ** ((target - loudness) / 20), MAX_PEAK / peak)
    return samples * np.float32(gain)


def measure(samples: Samples, sample_rate: int) -> tuple[float, float]:
    """Integrated loudness in LUFS, and the true peak, 1 being full scale; of samples, shape (samples,).

    Raises EngineFailed when it can't be measured.
    """
    if not len(samples):
        return SILENCE, 0.0
    try:
        answer = pool().ask({"measure": sample_rate}, as_bytes(samples)).message
        return float(answer["loudness"]), float(answer["peak"])
    except (WorkerCrashed, WorkerLost, KeyError) as error:
        raise EngineFailed("the loudness can't be measured") from error
