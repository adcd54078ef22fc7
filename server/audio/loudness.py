"""Loudness of a whole clip, measured and set by EBU R128: what any player and any broadcaster means by it."""

from __future__ import annotations

import math

import av
import av.filter
import numpy as np

from server.speech import Samples

LOUDNESS_RANGE = (-40.0, -5.0)
"""LUFS that can be asked for: EBU R128 names -23, podcasts have -16, streaming services -14."""
MAX_PEAK = 10 ** (-1 / 20)
"""-1 dBTP, the most that EBU R128 allows: a clip is rather left softer than distorted."""
LEAST_SECONDS = 0.5
"""The measure's own window has 0.4; what is shorter is measured as if it were said again and again."""
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
    """Integrated loudness in LUFS, and the true peak, 1 being full scale; of samples, shape (samples,)."""
    if not len(samples):
        return SILENCE, 0.0
    repeated = np.tile(samples, max(1, math.ceil(LEAST_SECONDS * sample_rate / len(samples))))
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=sample_rate, layout="mono")
    meter = graph.add("ebur128", "metadata=1:peak=true")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    readings: dict[str, str] = {}
    for start in range(0, len(repeated), sample_rate):
        piece = np.ascontiguousarray(repeated[start : start + sample_rate])
        frame = av.AudioFrame.from_ndarray(piece[np.newaxis], format="flt", layout="mono")
        frame.sample_rate, frame.pts = sample_rate, start
        graph.push(frame)
        readings = _last(graph) or readings
    graph.push(None)
    readings = _last(graph) or readings
    return float(readings["lavfi.r128.I"]), float(readings["lavfi.r128.true_peak"])


def _last(graph: av.filter.Graph) -> dict[str, str]:
    """The readings of the last frame that is ready, if one is."""
    readings: dict[str, str] = {}
    while True:
        try:
            readings = dict(graph.pull().metadata)
        except (BlockingIOError, EOFError):
            return readings
