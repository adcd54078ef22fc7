"""Series of histograms in promtool's notation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from otel.contract.buckets import SCALE

MINUTES = 30


def native(name: str, labels: str, readings: Mapping[float, float]) -> dict[str, str]:
    """Returns a native histogram and the count of the classic one, with so many readings of each value every minute.

    Prometheus' bucket i has the values above 2 ** ((i - 1) / 2**SCALE), up to 2 ** (i / 2**SCALE).
    """
    total, amount = sum(readings.values()), sum(value * number for value, number in readings.items())
    buckets: Counter[int] = Counter()
    for value, number in readings.items():
        buckets[math.ceil(math.log2(value) * 2**SCALE)] += number  # type: ignore[assignment]
    first, last = min(buckets), max(buckets)
    numbers = " ".join(f"{buckets[index]:g}" for index in range(first, last + 1))
    minute = f"{{{{schema:{SCALE} sum:{amount:g} count:{total:g} offset:{first} buckets:[{numbers}]}}}}"
    return {
        f"{name}{{{labels}}}": f"{{{{schema:{SCALE} sum:0 count:0}}}}+{minute}x{MINUTES}",
        f"{name}_count{{{labels}}}": f"0+{total:g}x{MINUTES}",
    }


def at_most(name: str, bound: str, counts: tuple[str, str], labels: str = "") -> dict[str, str]:
    """Returns counters of a classic histogram's readings: of those up to a bound, and of all."""
    up_to_bound, every = counts
    matchers = ",".join(filter(None, (labels, f'le="{bound}"')))
    return {f"{name}_bucket{{{matchers}}}": up_to_bound, f"{name}_count{{{labels}}}": every}
