"""Measures the cost of histograms in time, series and bytes, in one form and in both; writes its part of RESULTS.md."""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider, TraceBasedExemplarFilter
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, InMemoryMetricReader, PeriodicExportingMetricReader

from bench.histogram_load import Reading, allow_lists, built, otlp, request, running_prometheus
from bench.results.file import RESULTS, Promise, number, promise_table, table, write_section
from bench.results.machine import Machine, this_machine
from otel.contract.instrument import Instrument
from otel.contract.metrics import CONTRACT
from otel.sdk.exposition import OPEN_METRICS, PROTOBUF, TEXT, Exposition
from otel.sdk.histogram_export import histogram_metrics
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics

VOICES = (1, 50)
REQUESTS = 400
"""The requests of each voice before its histograms are counted."""
EXPORTS, STEP, PER_EXPORT = 60, 15, 10
"""The exports to Prometheus, the seconds from one to the next, and each voice's requests between them."""
ROUNDS, PER_ROUND = 15, 1000
MORE_MICROSECONDS, MORE = 10.0, 2.0
HISTOGRAMS = [instrument for instrument in CONTRACT if instrument.kind == "histogram"]
NOTHING = float("nan")


@dataclass(frozen=True, slots=True)
class Cost:
    """The median microseconds of recording a request's histograms."""

    sdk: float
    store: float


@dataclass(frozen=True, slots=True)
class Size:
    """The size of all histograms of so many voices, in one form or in both; NaN if it was not measured."""

    series: float
    text: float
    open_metrics: float
    protobuf: float
    otlp: float
    head_series: float
    chunks: float
    index: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the promises are kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.histograms", description=__doc__)
    parser.add_argument("--prometheus", type=Path, default=built(), help="its binary (default: that of make stack)")
    options = parser.parse_args(arguments)
    if options.prometheus is None:
        parser.error("there is no Prometheus; run make stack, or name one by --prometheus")
    cost = measure_cost()
    sizes = {voices: measure_sizes(voices, options.prometheus) for voices in VOICES}
    section = render(cost, sizes, this_machine())
    print(section)
    write_section("histograms", section)
    print(f"written: {RESULTS}")
    return 0 if all(promise.is_met for promise in promises(cost, sizes)) else 1


def measure_cost() -> Cost:
    """Returns the cost of a request's readings; the SDK's histograms, with the two readers of a server, and our store
    take turns."""
    readers = [InMemoryMetricReader(), PeriodicExportingMetricReader(ConsoleMetricExporter(), float("inf"))]
    provider = MeterProvider(readers, exemplar_filter=TraceBasedExemplarFilter(), shutdown_on_exit=False)
    meter, lists = provider.get_meter("bench"), allow_lists(1)
    sdk = {
        each.name: meter.create_histogram(each.name, each.unit, explicit_bucket_boundaries_advisory=each.buckets)
        for each in HISTOGRAMS
    }
    metrics = Metrics(meter, lists, HistogramStore())

    def by_the_sdk(instrument: Instrument, value: float, labels: dict[str, str], context: Context) -> None:
        sdk[instrument.name].record(value, metrics.allowed(instrument, labels), context=context)

    def by_the_store(instrument: Instrument, value: float, labels: dict[str, str], context: Context) -> None:
        metrics.record(instrument, value, context, **labels)

    generator, seconds = random.Random(1), dict[str, list[float]](sdk=[], store=[])
    for round_number in range(-1, ROUNDS):  # the first round warms up and does not count
        requests = [request(generator, 0) for _ in range(PER_ROUND)]
        turns = (("sdk", by_the_sdk), ("store", by_the_store))
        for name, record in turns if round_number % 2 else turns[::-1]:
            spent = _timed(record, requests)
            if round_number >= 0:
                seconds[name].append(spent)
    return Cost(*(statistics.median(seconds[name]) / PER_ROUND * 1e6 for name in ("sdk", "store")))


def _timed(
    record: Callable[[Instrument, float, dict[str, str], Context], None],
    requests: Sequence[tuple[list[Reading], Context]],
) -> float:
    start = time.thread_time()
    for readings, context in requests:
        for instrument, value, labels in readings:
            record(instrument, value, labels, context)
    return time.thread_time() - start


def measure_sizes(voices: int, prometheus: Path) -> tuple[Size, Size]:
    """Returns the size of the classic form, and of both, after the requests of so many voices."""
    store, generator = HistogramStore(), random.Random(voices)
    provider = MeterProvider(shutdown_on_exit=False)
    metrics = Metrics(provider.get_meter("bench"), allow_lists(voices), store)
    _speak(metrics, generator, voices, REQUESTS)
    exposition = Exposition([], store)
    text, opened, protobuf = (exposition.render(kind) for kind in (TEXT, OPEN_METRICS, PROTOBUF))
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    distributions = sum(len(series) for series in store.snapshot().values())
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        classic, both = (stack.enter_context(running_prometheus(prometheus, folder)) for folder in folders)
        begin = time.time_ns() - EXPORTS * STEP * 10**9
        empty = [each.head_series() for each in (classic, both)]
        for export in range(EXPORTS):
            _speak(metrics, generator, voices, PER_EXPORT)
            now = begin + export * STEP * 10**9
            pairs = [histogram_metrics(*each, begin, now) for each in store.snapshot().items()]
            bodies = otlp([pair[0] for pair in pairs]), otlp([metric for pair in pairs for metric in pair])
            classic.send(bodies[0])
            both.send(bodies[1])
        stored = [
            (each.head_series() - before, *each.stored_bytes())
            for each, before in zip((classic, both), empty, strict=True)
        ]
    return (
        Size(samples, len(text), len(opened), NOTHING, len(bodies[0]), *stored[0]),
        Size(samples + distributions, len(text), len(opened), len(protobuf), len(bodies[1]), *stored[1]),
    )


def _speak(metrics: Metrics, generator: random.Random, voices: int, requests: int) -> None:
    for voice_number in range(voices):
        for _ in range(requests):
            readings, context = request(generator, voice_number)
            for instrument, value, labels in readings:
                metrics.record(instrument, value, context, **labels)


def promises(cost: Cost, sizes: dict[int, tuple[Size, Size]]) -> list[Promise]:
    """Returns the promises: the most that the second form may cost."""
    before, after = sizes[VOICES[-1]]
    subject = f"{VOICES[-1]} voices, both forms against the classic one"
    return [
        Promise("recording a request, more than by the SDK", cost.store - cost.sdk, " us", at_most=MORE_MICROSECONDS),
        Promise(f"{subject}: series", after.head_series / before.head_series, "x", at_most=MORE),
        Promise(f"{subject}: bytes of an export", after.otlp / before.otlp, "x", at_most=MORE),
        Promise(f"{subject}: bytes of a scrape", after.protobuf / before.open_metrics, "x", at_most=MORE),
        Promise(f"{subject}: bytes of samples in Prometheus", after.chunks / before.chunks, "x", at_most=MORE),
    ]


def render(cost: Cost, sizes: dict[int, tuple[Size, Size]], machine: Machine) -> str:
    """Returns the section as Markdown."""
    head = ["histograms of", *(f"{form}, {voices}" for voices in sizes for form in ("classic", "both"))]
    rows = {
        "series, counted": [size.series for pair in sizes.values() for size in pair],
        "series in Prometheus": [size.head_series for pair in sizes.values() for size in pair],
        "kB of a scrape, text": [size.text / 1000 for pair in sizes.values() for size in pair],
        "kB of a scrape, OpenMetrics": [size.open_metrics / 1000 for pair in sizes.values() for size in pair],
        "kB of a scrape, protobuf": [size.protobuf / 1000 for pair in sizes.values() for size in pair],
        "kB of an OTLP export": [size.otlp / 1000 for pair in sizes.values() for size in pair],
        "kB in Prometheus, samples": [size.chunks / 1000 for pair in sizes.values() for size in pair],
        "kB in Prometheus, index": [size.index / 1000 for pair in sizes.values() for size in pair],
    }
    parts = [
        "## Cost of histograms",
        f"{machine.processor}, {machine.cores} cores; opentelemetry-sdk {version('opentelemetry-sdk')}. The histograms "
        "of the contract alone, without counters and gauges, of 1 and of 50 voices, after "
        f"{REQUESTS} made-up requests of each voice. Text and OpenMetrics have the classic form only. Prometheus got "
        f"{EXPORTS} exports, {STEP} s apart, with {PER_EXPORT} more requests of each voice in each; samples and index "
        "were then written as one block. Exports are not compressed.",
        promise_table(promises(cost, sizes)),
        f"Recording the histograms of a spoken request takes {cost.store:.1f} us of CPU; the SDK's own, classic only "
        f"and with the two readers of a server, take {cost.sdk:.1f} us.",
        table(head, [(name, *map(number, values)) for name, values in rows.items()]),
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
