"""The rows of a heatmap: a distribution over time, from a native histogram or from the buckets of a classic one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dashboards.live.sources.prometheus import Bucket, Series

MAX_ROWS = 40
"""The maximum number of rows of a native histogram, whose buckets are merged until they fit."""
ROUNDING = 1e-6
"""The relative error of a bound: Prometheus writes it as text, and here it is calculated."""
NOTHING = 1e-9
"""A smaller number of readings per second is a rounding error, and a smaller bound that of the bucket of zeros."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A row of cells for each range of values, the lowest first."""

    bounds: tuple[float, ...]
    """The largest value of each row; infinite in the last row of a classic histogram."""
    cells: tuple[tuple[float, ...], ...]
    """The readings per second in each row, at each time."""


def rows(series: Sequence[Series]) -> Rows:
    """Returns the rows of the series of one histogram: native ones, or a classic one's by ``le``."""
    native = [entry for entry in series if entry.histograms]
    return _native(native) if native else _classic([entry for entry in series if "le" in entry.labels])


def _classic(series: Sequence[Series]) -> Rows:
    """Returns the rate within each bucket, from the cumulative buckets, with an empty row below and above."""
    buckets = sorted(series, key=lambda entry: float(entry.labels["le"]))
    cells: list[tuple[float, ...]] = []
    below: Sequence[float] = ()
    for entry in buckets:
        values = [0.0 if math.isnan(value) else value for value in entry.values]
        cells.append(tuple(max(0.0, value - b) for value, b in zip(values, below or [0.0] * len(values), strict=True)))
        below = values
    used = [number for number, row in enumerate(cells) if any(value > NOTHING for value in row)]
    kept = slice(max(0, used[0] - 1), used[-1] + 2) if used else slice(0)
    return Rows(tuple(float(entry.labels["le"]) for entry in buckets[kept]), tuple(cells[kept]))


def _native(series: Sequence[Series]) -> Rows:
    used = {bucket for entry in series for buckets in entry.histograms for bucket in buckets}
    bounds = _bounds(used)
    cells = [[0.0] * len(series[0].times) for _ in bounds]
    for entry in series:
        for column, buckets in enumerate(entry.histograms):
            for (_, upper), count in buckets.items():
                cells[bisect_left(bounds, upper * (1 - ROUNDING) if upper > 0 else upper)][column] += count
    return Rows(tuple(bounds), tuple(tuple(row) for row in cells))


def _bounds(buckets: Collection[Bucket]) -> list[float]:
    """Returns the bounds of rows for the buckets: those of zeros, then rows of equal width on a logarithmic scale.

    A row is 2 ** (2 ** -scale) times as high as the one below it, and there is an empty one below and above. The scale
    is that of the histogram, or the finest with MAX_ROWS, so a row consists of whole buckets. Buckets with custom
    bounds are rows as they are.
    """
    zeros = sorted({upper for lower, upper in buckets if lower <= 0})
    positive = [bucket for bucket in buckets if bucket[0] > 0]
    if any(upper > NOTHING for upper in zeros) or any(math.isinf(upper) for _, upper in positive):
        return sorted({upper for _, upper in buckets})
    if not positive:
        return zeros
    scale = min(math.floor(-math.log2(math.log2(upper / lower)) + ROUNDING) for lower, upper in positive)
    while True:
        indices = [_index(bucket, scale) for bucket in positive]
        if max(indices) - min(indices) < MAX_ROWS:
            break
        scale -= 1
    return zeros + [2.0 ** (index / 2.0**scale) for index in range(min(indices) - 1, max(indices) + 2)]


def _index(bucket: Bucket, scale: int) -> int:
    """Returns the index of the bucket of a scale that contains the bucket."""
    return math.ceil(math.log2(bucket[1]) * 2.0**scale - ROUNDING)
