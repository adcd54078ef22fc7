"""Measures loudness by ffmpeg's EBU R128 meter, in the sandboxed processes that encode. See server.audio.coding."""

from __future__ import annotations

import math

import av
import av.filter
import numpy as np

from server.utterance import Samples

LEAST_SECONDS = 0.5
"""The meter's window is 0.4 s long. Shorter audio is repeated before it is measured."""


def measure(samples: Samples, sample_rate: int) -> tuple[float, float]:
    """Returns the integrated loudness in LUFS and the true peak (1 is full scale).

    ``samples`` has shape (samples,) and is not empty. Source: ITU-R BS.1770-4.
    """
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
    """Returns the readings of the last frame that is ready, or none."""
    readings: dict[str, str] = {}
    while True:
        try:
            readings = dict(graph.pull().metadata)
        except (BlockingIOError, EOFError):
            return readings
