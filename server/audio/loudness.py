"""Measures and sets the loudness of a whole clip by EBU R128, the standard of players and broadcasters."""

from __future__ import annotations

import numpy as np

from server.audio.encoding import as_bytes, pool
from server.errors import EngineFailed
from server.sandbox.pool import WorkerCrashed, WorkerLost
from server.utterance import Samples

MAX_PEAK = 10 ** (-1 / 20)
"""-1 dBTP, the maximum true peak of EBU R128. A clip stays softer than its target rather than exceed it."""
SILENCE = -70.0
"""The lowest value that the meter returns, in LUFS."""


def at_loudness(samples: Samples, sample_rate: int, target: float) -> Samples:
    """Returns the clip at ``target`` LUFS, or as near to it as its true peak allows. Silence is unchanged.

    Samples have shape (samples,). Source: EBU R128 (2023), ITU-R BS.1770-4.
    """
    loudness, peak = measure(samples, sample_rate)
    if loudness <= SILENCE or not peak:
        return samples
    gain = min(10 ** ((target - loudness) / 20), MAX_PEAK / peak)
    return samples * np.float32(gain)


def measure(samples: Samples, sample_rate: int) -> tuple[float, float]:
    """Returns the integrated loudness in LUFS and the true peak (1 is full scale) of samples, shape (samples,).

    Raises EngineFailed when it can't be measured.
    """
    if not len(samples):
        return SILENCE, 0.0
    try:
        response = pool().ask({"measure": sample_rate}, as_bytes(samples)).message
        return float(response["loudness"]), float(response["peak"])
    except (WorkerCrashed, WorkerLost, KeyError) as error:
        raise EngineFailed("the loudness can't be measured") from error
