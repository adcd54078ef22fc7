"""Pipeline: does what the server tells arrive?"""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.promql import largest, rate, seen, series, smallest
from otel.contract import pipeline as own
from otel.contract.labels import LOSS_REASON
from otel.contract.libraries import SDK_METRICS, LibraryMetric
from otel.contract.metrics import EVENTS_LOST
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import JOB, Where

SDK = {metric.name: metric for metric in SDK_METRICS}
ITEMS = {"span": "spans", "log": "events"}
WELL: Where = {"error_type": ""}
BADLY: Where = {"error_type": None}
NOTHING_LOST = "Nothing was lost: these series begin with the first loss."
NO_EXPORT = "The server exports nothing by OTLP: it is scraped."


def rates(metrics: Sequence[PipelineMetric], by: str, legend: str) -> tuple[Query, ...]:
    """How much a second of each signal; in ``legend`` {signal} stands for ours."""
    return tuple(
        Query(rate(metric, (by,)), legend.replace("{signal}", signal))
        for metric, signal in zip(metrics, own.SIGNALS.values(), strict=True)
    )


def sdk(item: str, what: str) -> LibraryMetric:
    """The SDK's account of the server's export."""
    return SDK[f"otel.sdk.{what.format(item)}"]


PROGRAMS = Panel(
    "programs",
    "Programs",
    "Whether Prometheus could ask each; the Collector sends by itself, and counts as there while it does.",
    "states",
    Unit.STATE,
    (
        Query(smallest(own.UP, (JOB,)), "{job}"),
        Query(f"(count({series(own.COLLECTOR_MEMORY)}) or vector(0)) > bool 0", "collector"),
    ),
    thresholds=(Threshold(1, "critical", below=True),),
    width=12,
    height=6,
)
MEMORY = Panel(
    "pipeline-memory",
    "Memory",
    "Of each program.",
    "lines",
    Unit.BYTES,
    (
        Query(f"{series(own.MEMORY)} or {series(own.JAEGER_MEMORY)}", "{job}"),
        Query(series(own.COLLECTOR_MEMORY), "collector"),
    ),
    width=12,
    height=6,
)
RECEIVED = Panel(
    "collector-received",
    "Received",
    "What the Collector took in a second.",
    "stacked",
    Unit.PER_SECOND,
    rates(own.ACCEPTED, JOB, "{signal}"),
    width=6,
)
SENT = Panel(
    "collector-sent",
    "Passed on",
    "What the trace store, Prometheus and the file of events took a second.",
    "stacked",
    Unit.PER_SECOND,
    rates(own.SENT, "exporter", "{signal} to {exporter}"),
    width=6,
)
QUEUES = Panel(
    "collector-queues",
    "Queues",
    "What waits on disk for a store that is away, as a share of the room. Full, what is new is refused.",
    "lines",
    Unit.SHARE,
    (
        Query(
            f"{largest(own.QUEUE_SIZE, ('exporter',))} / {largest(own.QUEUE_CAPACITY, ('exporter',))}",
            "{exporter}",
        ),
    ),
    thresholds=(Threshold(0.5, "warning"), Threshold(0.9, "critical")),
    width=6,
)
LOST = Panel(
    "collector-refused",
    "Refused and dropped",
    "What the Collector did not take (the server tries again), could not queue, or gave up.",
    "lines",
    Unit.PER_SECOND,
    (
        *rates(own.REFUSED, JOB, "{signal} refused"),
        *rates(own.ENQUEUE_FAILED, "exporter", "{signal} not queued for {exporter}"),
        *rates(own.SEND_FAILED, "exporter", "{signal} given up by {exporter}"),
    ),
    thresholds=(Threshold(1, "warning"),),
    empty=NOTHING_LOST,
    width=6,
)
EXPORT = Panel(
    "server-export",
    "Servers: exported",
    "Spans and events that the Collector took from the servers, a second.",
    "stacked",
    Unit.PER_SECOND,
    tuple(Query(rate(sdk(item, "exporter.{}.exported"), (), WELL), name) for item, name in ITEMS.items()),
    empty=NO_EXPORT,
    width=6,
)
EXPORT_LOST = Panel(
    "server-lost",
    "Servers: lost",
    "Spans and events a second that were dropped as the Collector did not take them fast enough, or that were given up "
    "as it did not answer.",
    "lines",
    Unit.PER_SECOND,
    tuple(
        Query(rate(sdk(item, what), (), BADLY), f"{name} {how}")
        for item, name in ITEMS.items()
        for what, how in (("processor.{}.processed", "dropped"), ("exporter.{}.exported", "given up"))
    ),
    thresholds=(Threshold(0.1, "warning"),),
    empty=NOTHING_LOST,
    width=6,
)
EXPORT_QUEUES = Panel(
    "server-queues",
    "Servers: waiting",
    "Spans and events that wait for the Collector, as a share of the room.",
    "lines",
    Unit.SHARE,
    tuple(
        Query(
            f"max ({series(sdk(item, 'processor.{}.queue.size'))} / "
            f"{series(sdk(item, 'processor.{}.queue.capacity'))})",
            name,
        )
        for item, name in ITEMS.items()
    ),
    thresholds=(Threshold(0.5, "warning"), Threshold(0.9, "critical")),
    empty=NO_EXPORT,
    width=6,
)
EVENTS_NOT_KEPT = Panel(
    "events-lost",
    "Servers: events not kept",
    "Events a second that a server could not write to its own files, by the reason.",
    "lines",
    Unit.PER_SECOND,
    (Query(seen(EVENTS_LOST, (LOSS_REASON,)), "{reason}"),),
    thresholds=(Threshold(0.01, "warning"),),
    empty="Every event was written.",
    width=6,
)
SERIES = Panel(
    "prometheus-series",
    "Prometheus: series",
    "That it holds in memory. What clients write adds none; a new voice, version or process does.",
    "lines",
    Unit.NUMBER,
    (Query(series(own.HEAD_SERIES), "series"),),
    width=6,
)
SAMPLES = Panel(
    "prometheus-samples",
    "Prometheus: samples",
    "Stored a second.",
    "lines",
    Unit.PER_SECOND,
    (Query(rate(own.SAMPLES), "samples"),),
    width=6,
)
NOT_STORED = Panel(
    "prometheus-refused",
    "Prometheus: not stored",
    "Samples a second that came too late, by more than the hour that waits for them.",
    "lines",
    Unit.PER_SECOND,
    tuple(Query(rate(metric), why.replace("_", " ")) for why, metric in own.NOT_STORED.items()),
    thresholds=(Threshold(1, "warning"),),
    width=6,
)
FAILURES = Panel(
    "prometheus-failures",
    "Prometheus: failures",
    "A second: rules that could not be computed, alerts that reached no Alertmanager, damage in its log.",
    "lines",
    Unit.PER_SECOND,
    (
        Query(rate(own.RULE_FAILURES), "rules"),
        Query(rate(own.NOTIFICATIONS_DROPPED), "alerts"),
        Query(rate(own.CORRUPTIONS), "damage"),
    ),
    thresholds=(Threshold(0.01, "critical"),),
    width=6,
)
STORED_SPANS = Panel(
    "trace-store-spans",
    "Trace store: spans",
    "Taken a second by Jaeger or Tempo. The servers send kept traces only.",
    "lines",
    Unit.PER_SECOND,
    (Query(f"{rate(own.SPANS_RECEIVED)} or {rate(own.JAEGER_STORED)}", "spans"),),
    width=6,
)
DISCARDED_SPANS = Panel(
    "trace-store-discarded",
    "Trace store: discarded",
    "Spans a second that it did not take, of Tempo by the reason.",
    "lines",
    Unit.PER_SECOND,
    (
        Query(
            f"{rate(own.SPANS_DISCARDED, ('reason',))} or "
            f'label_replace({rate(own.JAEGER_REFUSED)}, "reason", "refused", "", "")',
            "{reason}",
        ),
    ),
    thresholds=(Threshold(0.1, "warning"),),
    empty=NOTHING_LOST,
    width=6,
)
STORE_FAILURES = Panel(
    "trace-store-failures",
    "Trace store: failures",
    "A second: spans that Jaeger, or blocks that Tempo could not write.",
    "lines",
    Unit.PER_SECOND,
    (Query(f"{rate(own.FLUSHES_FAILED)} or {rate(own.JAEGER_FAILED)}", "failed"),),
    thresholds=(Threshold(0.01, "critical"),),
    width=6,
)
NOTIFICATIONS = Panel(
    "notifications-failed",
    "Alertmanager: failures",
    "Notifications a second that did not arrive, by the way they were sent.",
    "lines",
    Unit.PER_SECOND,
    (Query(seen(own.NOTIFICATIONS_FAILED, ("integration",)), "{integration}"),),
    thresholds=(Threshold(0.01, "critical"),),
    empty="Every notification arrived.",
    width=6,
)

PIPELINE = Board(
    "ttscope-pipeline",
    "Pipeline",
    "Does what the server tells arrive?",
    (
        Row("Programs", (PROGRAMS, MEMORY)),
        Row("Servers", (EXPORT, EXPORT_LOST, EXPORT_QUEUES, EVENTS_NOT_KEPT)),
        Row("Collector", (RECEIVED, SENT, QUEUES, LOST)),
        Row("Prometheus", (SERIES, SAMPLES, NOT_STORED, FAILURES)),
        Row("Trace store and Alertmanager", (STORED_SPANS, DISCARDED_SPANS, STORE_FAILURES, NOTIFICATIONS)),
    ),
)
