"""The Pipeline dashboard: does telemetry arrive?"""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED, SELECTED_SERVERS
from dashboards.variables import INTERVAL
from otel.contract import pipeline as own
from otel.contract.labels import LOSS_REASON, OUTCOME
from otel.contract.libraries import SDK_METRICS, SPAN_CALLS, LibraryMetric
from otel.contract.metrics import EVENTS_LOST, REQUESTS
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import JOB, Where

SDK = {metric.name: metric for metric in SDK_METRICS}
ITEMS = {"span": "spans", "log": "events"}
WELL: Where = {"error_type": ""}
BADLY: Where = {"error_type": None}
NOTHING_LOST = "Nothing was lost. These series begin with the first loss."
NO_EXPORT = "The server does not export by OTLP: Prometheus scrapes it."


def rates(metrics: Sequence[PipelineMetric], by: str, legend: str) -> tuple[Query, ...]:
    """Returns the rate per second of each signal; {signal} in ``legend`` is replaced by the name that the docs use."""
    return tuple(
        Query(SELECTED.rate(metric, by=(by,)), legend.replace("{signal}", signal))
        for metric, signal in zip(metrics, own.SIGNALS.values(), strict=True)
    )


def sdk(item: str, name: str) -> LibraryMetric:
    """Returns the SDK's metric about the server's export, by its kind of item."""
    return SDK[f"otel.sdk.{name.format(item)}"]


PROGRAMS = Panel(
    "programs",
    "Programs",
    "1 while Prometheus can scrape a program. The Collector pushes its metrics instead, and counts as up while they "
    "arrive. If one is 0, look at its log in var/stack/logs.",
    "states",
    Unit.STATE,
    (
        Query(SELECTED.smallest(own.UP, by=(JOB,)), "{job}"),
        Query(f"(count({SELECTED.series(own.COLLECTOR_MEMORY)}) or vector(0)) > bool 0", "collector"),
    ),
    thresholds=(Threshold(1, "critical", below=True),),
    width=12,
    height=6,
)
MEMORY = Panel(
    "pipeline-memory",
    "Memory",
    "Memory of each program; of the agents in Kubernetes, of the largest.",
    "lines",
    Unit.BYTES,
    (
        Query(f"{SELECTED.series(own.MEMORY)} or {SELECTED.series(own.JAEGER_MEMORY)}", "{job}"),
        Query(SELECTED.largest(own.COLLECTORS_MEMORY, by=(JOB,)), "{job}"),
    ),
    width=12,
    height=6,
)
RECEIVED = Panel(
    "collector-received",
    "Received",
    "Items per second that the Collector received, by signal.",
    "stacked",
    Unit.PER_SECOND,
    rates(own.ACCEPTED, JOB, "{signal}"),
    width=6,
)
SENT = Panel(
    "collector-sent",
    "Exported",
    "Items per second that the Collector delivered to the trace store, Prometheus and the event file.",
    "stacked",
    Unit.PER_SECOND,
    rates(own.SENT, "exporter", "{signal} to {exporter}"),
    width=6,
)
QUEUES = Panel(
    "collector-queues",
    "Queues",
    "Share of each on-disk queue that is in use. A queue fills while its store is down; when it is full, new items "
    "are rejected. Agents in Kubernetes queue for the gateway; the fullest queue of all agents is shown.",
    "lines",
    Unit.SHARE,
    (
        Query(
            f"{SELECTED.largest(own.QUEUE_SIZE, by=('exporter',))} / "
            f"{SELECTED.largest(own.QUEUE_CAPACITY, by=('exporter',))}",
            "{exporter}",
        ),
    ),
    thresholds=(Threshold(0.5, "warning"), Threshold(0.9, "critical")),
    width=6,
)
LOST = Panel(
    "collector-refused",
    "Refused and dropped",
    "Items per second that a Collector refused (the sender retries), could not queue, or dropped because a store "
    "refused them. Its log says why.",
    "lines",
    Unit.PER_SECOND,
    (
        *rates(own.REFUSED, JOB, "{signal} refused by {job}"),
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
    "Spans and events per second that servers delivered to the Collector.",
    "stacked",
    Unit.PER_SECOND,
    tuple(Query(SELECTED.rate(sdk(item, "exporter.{}.exported"), where=WELL), name) for item, name in ITEMS.items()),
    empty=NO_EXPORT,
    width=8,
)
EXPORT_LOST = Panel(
    "server-lost",
    "Servers: lost",
    "Spans and events per second that servers lost: dropped because the Collector was too slow, or given up because "
    "it did not answer. The runbook is TtsTelemetryDropped.",
    "lines",
    Unit.PER_SECOND,
    tuple(
        Query(SELECTED.rate(sdk(item, metric), where=BADLY), f"{name} {how}")
        for item, name in ITEMS.items()
        for metric, how in (("processor.{}.processed", "dropped"), ("exporter.{}.exported", "given up"))
    ),
    thresholds=(Threshold(0.1, "warning"),),
    empty=NOTHING_LOST,
    width=8,
)
EXPORT_QUEUES = Panel(
    "server-queues",
    "Servers: export queue",
    "Share of the servers' export queue that is in use by spans and by events. It fills while the Collector is down "
    "or slow.",
    "lines",
    Unit.SHARE,
    tuple(
        Query(
            f"max ({SELECTED.series(sdk(item, 'processor.{}.queue.size'))} / "
            f"{SELECTED.series(sdk(item, 'processor.{}.queue.capacity'))})",
            name,
        )
        for item, name in ITEMS.items()
    ),
    thresholds=(Threshold(0.5, "warning"), Threshold(0.9, "critical")),
    empty=NO_EXPORT,
    width=8,
)
TRACED = Panel(
    "failures-traced",
    "Servers: failures and their traces",
    "Requests that ended in error, counted by servers, and the traces of such requests that reached the Collector, "
    "counted there. Every failure is traced, so both are equal, up to 15 seconds apart. Fewer traces mean that spans "
    "were lost: look at Servers: lost.",
    "lines",
    Unit.NUMBER,
    (
        Query(SELECTED_SERVERS.count(REQUESTS, where={OUTCOME: "error"}, over=INTERVAL), "counted"),
        Query(SELECTED_SERVERS.count(SPAN_CALLS, where={"tts_outcome": "error"}, over=INTERVAL), "traced"),
    ),
    empty="Nothing failed.",
    width=12,
)
EVENTS_NOT_KEPT = Panel(
    "events-lost",
    "Servers: events lost",
    "Events per second that a server could not write to its own files, by reason. The runbook is TtsEventsLost.",
    "lines",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(EVENTS_LOST, by=(LOSS_REASON,)), "{reason}"),),
    thresholds=(Threshold(0.01, "warning"),),
    empty="Every event was written.",
    width=12,
)
SERIES = Panel(
    "prometheus-series",
    "Prometheus: series",
    "Series that Prometheus holds in memory. Texts of clients never add one; a new voice, version or process does.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.series(own.HEAD_SERIES), "series"),),
    width=6,
)
SAMPLES = Panel(
    "prometheus-samples",
    "Prometheus: samples",
    "Samples that Prometheus stored per second.",
    "lines",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(own.SAMPLES), "samples"),),
    width=6,
)
NOT_STORED = Panel(
    "prometheus-refused",
    "Prometheus: not stored",
    "Samples per second that Prometheus rejected because they were more than an hour late.",
    "lines",
    Unit.PER_SECOND,
    tuple(Query(SELECTED.rate(metric), why.replace("_", " ")) for why, metric in own.NOT_STORED.items()),
    thresholds=(Threshold(1, "warning"),),
    width=6,
)
FAILURES = Panel(
    "prometheus-failures",
    "Prometheus: failures",
    "Failures per second: rules that could not be evaluated, alerts that reached no Alertmanager, corrupt records in "
    "the write-ahead log. Look at var/stack/logs/prometheus.log.",
    "lines",
    Unit.PER_SECOND,
    (
        Query(SELECTED.rate(own.RULE_FAILURES), "rules"),
        Query(SELECTED.rate(own.NOTIFICATIONS_DROPPED), "alerts"),
        Query(SELECTED.rate(own.CORRUPTIONS), "damage"),
    ),
    thresholds=(Threshold(0.01, "critical"),),
    width=6,
)
BEHIND = Panel(
    "store-behind",
    "Long-term store: behind",
    "How much older the newest sample is that a long-term store has accepted than the newest of Prometheus. The "
    "runbook is TtsStoreBehind.",
    "lines",
    Unit.SECONDS,
    (
        Query(
            f"{SELECTED.largest(own.NEWEST_SAMPLE, by=('instance',))} - on (instance) group_right "
            f"{SELECTED.largest(own.FORWARDED, by=('instance', 'remote_name'))}",
            "{remote_name}",
        ),
    ),
    thresholds=(Threshold(300, "warning"),),
    empty="Prometheus forwards to no store.",
    width=24,
)
STORED_SPANS = Panel(
    "trace-store-spans",
    "Trace store: spans",
    "Spans per second that Jaeger or Tempo received. Servers send only the traces that they keep.",
    "lines",
    Unit.PER_SECOND,
    (Query(f"{SELECTED.rate(own.SPANS_RECEIVED)} or {SELECTED.rate(own.JAEGER_STORED)}", "spans"),),
    width=6,
)
DISCARDED_SPANS = Panel(
    "trace-store-discarded",
    "Trace store: discarded",
    "Spans per second that the trace store refused, for Tempo by reason.",
    "lines",
    Unit.PER_SECOND,
    (
        Query(
            f"{SELECTED.rate(own.SPANS_DISCARDED, by=('reason',))} or "
            f'label_replace({SELECTED.rate(own.JAEGER_REFUSED)}, "reason", "refused", "", "")',
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
    "Failed writes per second: spans in Jaeger, blocks in Tempo. Check its disk and its log.",
    "lines",
    Unit.PER_SECOND,
    (Query(f"{SELECTED.rate(own.FLUSHES_FAILED)} or {SELECTED.rate(own.JAEGER_FAILED)}", "failed"),),
    thresholds=(Threshold(0.01, "critical"),),
    width=6,
)
NOTIFICATIONS = Panel(
    "notifications-failed",
    "Alertmanager: failures",
    "Notifications per second that could not be delivered, by integration. Alertmanager's log says why.",
    "lines",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(own.NOTIFICATIONS_FAILED, by=("integration",)), "{integration}"),),
    thresholds=(Threshold(0.01, "critical"),),
    empty="Every notification was delivered.",
    width=6,
)

PIPELINE = Board(
    "ttscope-pipeline",
    "Pipeline",
    "Does telemetry arrive?",
    (
        Row("Programs", (PROGRAMS, MEMORY)),
        Row("Servers", (EXPORT, EXPORT_LOST, EXPORT_QUEUES, TRACED, EVENTS_NOT_KEPT)),
        Row("Collector", (RECEIVED, SENT, QUEUES, LOST)),
        Row("Prometheus", (SERIES, SAMPLES, NOT_STORED, FAILURES, BEHIND)),
        Row("Trace store and Alertmanager", (STORED_SPANS, DISCARDED_SPANS, STORE_FAILURES, NOTIFICATIONS)),
    ),
)
