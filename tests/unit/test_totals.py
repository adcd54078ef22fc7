"""Sums of the contract's counters: exact from any number of threads, the same for every reader."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel.sdk.totals import Totals


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that give way to each other as often as can be."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def points(reader: InMemoryMetricReader) -> dict[tuple[Any, ...], float]:
    data = reader.get_metrics_data()
    assert data is not None
    [metric] = data.resource_metrics[0].scope_metrics[0].metrics
    return {tuple(point.attributes.values()): point.value for point in metric.data.data_points}  # type: ignore[union-attr]


def test_every_reader_reads_all_that_was_added() -> None:
    totals = Totals(["voice", "client"])
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    provider = MeterProvider(readers)
    provider.get_meter("test").create_observable_counter("words", [totals])
    totals.add(0, ("joe", "nobody"))
    totals.add(2, ("joe", "somebody"))
    totals.add(3, ("joe", "somebody"))
    assert points(readers[0]) == {("joe", "nobody"): 0, ("joe", "somebody"): 5}
    totals.add(1, ("ann", "somebody"))
    expected = {("joe", "nobody"): 0, ("joe", "somebody"): 5, ("ann", "somebody"): 1}
    assert points(readers[1]) == points(readers[0]) == expected
    provider.shutdown()


@pytest.mark.usefixtures("hurried")
def test_nothing_is_lost_among_threads() -> None:
    totals = Totals(["voice"])
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    provider.get_meter("test").create_observable_counter("words", [totals])

    def add(number: int) -> None:
        for turn in range(2000):
            totals.add(1, (f"voice {(number + turn) % 3}",))

    with ThreadPoolExecutor(4) as threads:
        adding = [threads.submit(add, number) for number in range(4)]
        while not all(task.done() for task in adding):
            reader.get_metrics_data()
        for task in adding:
            task.result()
    assert sum(points(reader).values()) == 8000
    provider.shutdown()
