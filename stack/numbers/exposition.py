"""Reads GET /prometheus in Prometheus' protobuf format, with native histograms."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.proto import parse_length_prefixed

from otel.contract.instrument import Instrument
from otel.contract.labels import Attribute
from otel.sdk.prometheus_protobuf import FAMILY
from stack.numbers.figures import SHARES, Figures


@dataclass(slots=True)
class Buckets:
    """The readings of a native histogram."""

    count: int = 0
    sum: float = 0.0
    zeros: int = 0
    schema: int = 0
    by_index: Counter[int] = field(default_factory=Counter)
    """The number of readings in each bucket; the upper bound of bucket i is 2**(i / 2**schema)."""

    def since(self, before: Buckets) -> Buckets:
        """Returns the readings after ``before``."""
        more = Counter({index: count - before.by_index[index] for index, count in self.by_index.items()})
        return Buckets(self.count - before.count, self.sum - before.sum, self.zeros - before.zeros, self.schema, more)

    def quantile(self, share: float) -> float:
        """Returns the middle of the bucket that has the quantile's rank; NaN without readings."""
        rank, seen = math.ceil(share * self.count), self.zeros
        if 0 < rank <= seen:
            return 0.0
        for index in sorted(self.by_index):
            seen += self.by_index[index]
            if seen >= rank > 0:
                return float(2 ** ((index - 0.5) / 2**self.schema))
        return math.nan

    def figures(self) -> Figures:
        mean = self.sum / self.count if self.count else None
        return Figures(self.count, mean, {share: self.quantile(share) for share in SHARES} if self.count else {})


def histograms(body: bytes, histogram: Instrument, by: Attribute) -> dict[str, Buckets]:
    """Returns the readings of a histogram by the values of a label, all other labels together."""
    found: dict[str, Buckets] = {}
    for family in _families(body):
        if family.name == histogram.prometheus_name:
            for metric in family.metric:
                value = next((pair.value for pair in metric.label if pair.name == by.name), "")
                _add(found.setdefault(value, Buckets()), metric.histogram)
    return found


def _families(body: bytes) -> Iterator[Any]:
    stream = io.BytesIO(body)
    while (family := parse_length_prefixed(FAMILY, stream)) is not None:
        yield family


def _add(to: Buckets, histogram: Any) -> None:
    to.count += histogram.sample_count
    to.sum += histogram.sample_sum
    to.zeros += histogram.zero_count
    to.schema = histogram.schema
    index, deltas, count = 0, iter(histogram.positive_delta), 0
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            to.by_index[index] += count
            index += 1
