"""Measures what the metrics of many servers cost a Prometheus alone and one that forwards them, and events their disks.

Two Prometheus get the same exports in turns; one of them forwards every sample to a third. It writes its part of
RESULTS.md.
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider

from bench.drift_events import write_hour
from bench.histogram_load import Prometheus, allow_lists, built, otlp, request, running_prometheus
from bench.results.file import RESULTS, Promise, number, promise_table, table, write_section
from bench.results.machine import Machine, this_machine
from otel.sdk.histogram_export import histogram_metrics
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics

SERVERS, VOICES = 20, 5
EXPORTS, STEP = 38, 15
"""The exports of each server, and the seconds between them: Prometheus takes no sample 10 minutes ahead of its clock,
and forwards none from before its start."""
REQUESTS = 10
"""The requests of each voice between two exports, the same for each server."""
EVENTS = 100_000
ARRIVAL_SECONDS = 600.0
APPENDED = "prometheus_tsdb_head_samples_appended_total"
MOST_PROCESSOR, MOST_MEMORY = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class StoreCost:
    """What a Prometheus has, and what it took."""

    series: float
    samples: float
    processor_seconds: float
    resident_bytes: float
    chunk_bytes: float
    index_bytes: float


@dataclass(frozen=True, slots=True)
class Storage:
    """The same samples in a Prometheus alone, in one that forwards, and in the one that they are forwarded to."""

    alone: StoreCost
    forwarding: StoreCost
    receiving: StoreCost
    sent_bytes: float
    """The bytes of all requests of the forwarding one."""
    behind_seconds: float
    """From the last export to the last sample in the store."""
    event_bytes: float
    """Bytes of an event, as the Collector writes it."""
    packed_event_bytes: float
    """The same with gzip."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the promises are kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.storage", description=__doc__)
    parser.add_argument("--prometheus", type=Path, default=built(), help="its binary (default: that of make stack)")
    parser.add_argument("--servers", type=int, default=SERVERS, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.prometheus is None:
        parser.error("there is no Prometheus; run make stack, or name one by --prometheus")
    storage = measure(options.prometheus, options.servers)
    section = render(storage, options.servers, this_machine())
    print(section)
    write_section("storage", section)
    print(f"written: {RESULTS}")
    return 0 if all(promise.is_met for promise in promises(storage)) else 1


def measure(prometheus: Path, servers: int) -> Storage:
    """Returns the figures of so many servers."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        receiving = stack.enter_context(running_prometheus(prometheus, folders[0]))
        forwarding = stack.enter_context(running_prometheus(prometheus, folders[1], receiving))
        alone = stack.enter_context(running_prometheus(prometheus, folders[2]))
        _export(servers, (alone, forwarding))
        behind = _wait_for_arrival(forwarding, receiving)
        sent = forwarding.metric("prometheus_remote_storage_bytes_total")
        costs = [_cost(each) for each in (alone, forwarding, receiving)]
    plain, packed = measure_events()
    return Storage(costs[0], costs[1], costs[2], sent, behind, plain, packed)


def _export(servers: int, takers: Sequence[Prometheus]) -> None:
    """Sends the exports of all servers to each taker, which take turns."""
    store, generator = HistogramStore(), random.Random(1)
    metrics = Metrics(MeterProvider(shutdown_on_exit=False).get_meter("bench"), allow_lists(VOICES), store)
    begin = time.time_ns()
    for export in range(EXPORTS):
        for voice_number in range(VOICES):
            for _ in range(REQUESTS):
                readings, context = request(generator, voice_number)
                for instrument, value, labels in readings:
                    metrics.record(instrument, value, context, **labels)
        now = begin + (export + 1) * STEP * 10**9
        exported = [metric for each in store.snapshot().items() for metric in histogram_metrics(*each, begin, now)]
        for server in range(servers):
            body = otlp(exported, f"server-{server}")
            for taker in takers if (export + server) % 2 else takers[::-1]:
                taker.send(body)


def _wait_for_arrival(forwarding: Prometheus, receiving: Prometheus) -> float:
    """Returns the seconds until the store has every sample."""
    begin = time.monotonic()
    while (missing := forwarding.metric(APPENDED) - receiving.metric(APPENDED)) > 0:
        if time.monotonic() - begin > ARRIVAL_SECONDS:
            raise SystemExit(f"{missing:.0f} samples did not arrive")
        time.sleep(0.1)
    return time.monotonic() - begin


def _cost(prometheus: Prometheus) -> StoreCost:
    processor = prometheus.metric("process_cpu_seconds_total")  # before stored_bytes, which takes some
    resident = prometheus.metric("process_resident_memory_bytes")
    chunks, index = prometheus.stored_bytes()
    return StoreCost(
        series=prometheus.head_series(),
        samples=prometheus.metric(APPENDED),
        processor_seconds=processor,
        resident_bytes=resident,
        chunk_bytes=chunks,
        index_bytes=index,
    )


def measure_events() -> tuple[float, float]:
    """Returns the bytes of an event, plain and packed."""
    with tempfile.TemporaryDirectory() as folder:
        written = EVENTS + write_hour(Path(folder), datetime(2026, 11, 24, tzinfo=UTC), EVENTS, seed=1)
        contents = [path.read_bytes() for path in Path(folder).iterdir()]
    return (
        sum(map(len, contents)) / written,
        sum(len(gzip.compress(content, compresslevel=6)) for content in contents) / written,
    )


def promises(storage: Storage) -> list[Promise]:
    """Returns the promises: what forwarding may cost the Prometheus that forwards, and that nothing is lost."""
    alone, forwarding = storage.alone, storage.forwarding
    processor = forwarding.processor_seconds / alone.processor_seconds
    memory = forwarding.resident_bytes / alone.resident_bytes
    arrived = storage.receiving.samples / forwarding.samples
    return [
        Promise("samples that arrive in the store", arrived * 100, " %", at_least=100),
        Promise("forwarding against alone: processor time", processor, "x", at_most=MOST_PROCESSOR),
        Promise("forwarding against alone: memory", memory, "x", at_most=MOST_MEMORY),
    ]


def render(storage: Storage, servers: int, machine: Machine) -> str:
    """Returns the section as Markdown."""
    costs = (storage.alone, storage.forwarding, storage.receiving)
    rows = {
        "series": [cost.series for cost in costs],
        "million samples": [cost.samples / 1e6 for cost in costs],
        "us of processor for a sample": [cost.processor_seconds / cost.samples * 1e6 for cost in costs],
        "kB of memory for a series": [cost.resident_bytes / cost.series / 1000 for cost in costs],
        "bytes on the disk for a sample": [cost.chunk_bytes / cost.samples for cost in costs],
        "bytes of index for a series": [cost.index_bytes / cost.series for cost in costs],
        "bytes sent for a sample": [float("nan"), storage.sent_bytes / storage.forwarding.samples, float("nan")],
    }
    parts = [
        "## Storage of metrics and events",
        f"{machine.processor}, {machine.cores} cores. The histograms of {servers} servers with {VOICES} voices each, "
        f"in both forms: {EXPORTS} exports, {STEP} s apart by their times, sent as fast as they are taken. Two "
        "Prometheus take turns with the same exports; one forwards them to a third. A native histogram is one sample.",
        promise_table(promises(storage)),
        table(
            ("Prometheus", "alone", "forwarding", "store"), [(name, *map(number, row)) for name, row in rows.items()]
        ),
        f"The store had the last sample {storage.behind_seconds:.1f} s after the last export.",
        f"An event of a request takes {storage.event_bytes:.0f} bytes as the Collector writes it, "
        f"{storage.packed_event_bytes:.0f} with gzip.",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
