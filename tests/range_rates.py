"""Whether Prometheus can tell how fast each range of words and characters is."""

from __future__ import annotations

from itertools import product

from otel.contract.labels import CACHE, CHAR_COUNT_RANGE, WORD_COUNT_RANGE
from otel.contract.metrics import CONTRACT
from tests.stack import Stack

ASKED_FOR = [
    (f"{instrument.prometheus_name}_count" + ('{cache="miss"}' if CACHE in instrument.attributes else ""), ranges.name)
    for instrument, ranges in product(CONTRACT, (WORD_COUNT_RANGE, CHAR_COUNT_RANGE))
    if instrument.kind == "histogram" and ranges in instrument.attributes
]
"""Histograms by range, and the label that tells it; where the cache is told too, of what was made."""


def without_rate(stack: Stack) -> set[str]:
    """Ranges that were asked for and have no rate: a series begins with its first value and must grow after that."""
    return {
        labels[name]
        for series, name in ASKED_FOR
        for labels, _ in stack.query(f"sum by ({name}) ({series}) unless sum by ({name}) (rate({series}[5m])) > 0")
    }
