"""The metrics of Collector, Prometheus, trace stores and Alertmanager about themselves that panels and alerts use.

The names are theirs, in Prometheus' spelling, as seen in a run of the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

COLLECTOR, PROMETHEUS, ALERTMANAGER = "otelcol-ttscope", "prometheus", "alertmanager"
JAEGER, TEMPO = "jaeger", "tempo"
COLLECTOR_AGENT = "otelcol-ttscope-agent"
"""The programs, by their jobs in stack/config/prometheus.yml, collector.yaml and agent.yaml."""
COLLECTORS = (COLLECTOR, COLLECTOR_AGENT)
JOBS = (PROMETHEUS, JAEGER, TEMPO, ALERTMANAGER)
"""The jobs that Prometheus scrapes, with one of the two trace stores; the Collector pushes."""
SIGNALS = {"spans": "spans", "metric_points": "readings", "log_records": "events"}
"""The Collector's names of the signals, and ours."""


@dataclass(frozen=True, slots=True)
class PipelineMetric:
    """A metric of one or several of these programs: its name, kind and job, its meaning, its labels."""

    prometheus_name: str
    kind: Literal["counter", "gauge"]
    job: str | tuple[str, ...]
    help: str
    attributes: tuple[str, ...] = ()


def _counted(
    counter: str,
    label: str,
    help: str,  # noqa: A002 - as the field is called
    job: str | tuple[str, ...] = COLLECTORS,
) -> tuple[PipelineMetric, ...]:
    """Returns one metric for each of SIGNALS, in their order."""
    return tuple(
        PipelineMetric(f"otelcol_{counter}_{signal}_total", "counter", job, help, (label,)) for signal in SIGNALS
    )


UPTIME = PipelineMetric(
    "otelcol_process_uptime_seconds_total", "counter", COLLECTORS, "Time since the Collector was started."
)
COLLECTOR_MEMORY = PipelineMetric("otelcol_process_memory_rss_bytes", "gauge", COLLECTOR, "Memory of the Collector.")
COLLECTORS_MEMORY = replace(COLLECTOR_MEMORY, job=COLLECTORS)
ACCEPTED = _counted("receiver_accepted", "receiver", "Items received.", COLLECTOR)
REFUSED = _counted("receiver_refused", "receiver", "Items refused on receipt; the sender retries.")
SENT = _counted("exporter_sent", "exporter", "Items that a store accepted.", COLLECTOR)
QUEUE_SIZE = PipelineMetric(
    "otelcol_exporter_queue_size", "gauge", COLLECTORS, "Bytes that wait on disk for a store.", ("exporter",)
)
QUEUE_CAPACITY = PipelineMetric(
    "otelcol_exporter_queue_capacity", "gauge", COLLECTORS, "Bytes that can wait for a store.", ("exporter",)
)
SEND_FAILED = _counted("exporter_send_failed", "exporter", "Items dropped because a store refused them.")
ENQUEUE_FAILED = _counted("exporter_enqueue_failed", "exporter", "Items dropped because the queue was full.")

UP = PipelineMetric("up", "gauge", JOBS, "Made by Prometheus for every target: 1 if the last scrape succeeded.")
MEMORY = PipelineMetric(
    "process_resident_memory_bytes", "gauge", (PROMETHEUS, TEMPO, ALERTMANAGER), "Memory of the program."
)
HEAD_SERIES = PipelineMetric("prometheus_tsdb_head_series", "gauge", PROMETHEUS, "Number of series in memory.")
SAMPLES = PipelineMetric(
    "prometheus_tsdb_head_samples_appended_total", "counter", PROMETHEUS, "Samples stored.", ("type",)
)
NOT_STORED = {
    why: PipelineMetric(
        f"prometheus_tsdb_{why}_samples_total", "counter", PROMETHEUS, "Samples rejected because they came too late."
    )
    for why in ("out_of_order", "out_of_bound", "too_old")
}
RULE_FAILURES = PipelineMetric(
    "prometheus_rule_evaluation_failures_total", "counter", PROMETHEUS, "Failed evaluations of rules.", ("rule_group",)
)
NOTIFICATIONS_DROPPED = PipelineMetric(
    "prometheus_notifications_dropped_total", "counter", PROMETHEUS, "Alerts that no Alertmanager received."
)
NEWEST_SAMPLE = PipelineMetric(
    "prometheus_remote_storage_highest_timestamp_in_seconds", "gauge", PROMETHEUS, "Time of the newest sample stored."
)
FORWARDED = PipelineMetric(
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
    "gauge",
    PROMETHEUS,
    "Time of the newest sample that a long-term store has accepted.",
    ("remote_name",),
)
CORRUPTIONS = PipelineMetric(
    "prometheus_tsdb_wal_corruptions_total", "counter", PROMETHEUS, "Corruptions of its write-ahead log."
)
# Jaeger is built of the Collector's parts and calls what it counts by the same names.
JAEGER_MEMORY = replace(COLLECTOR_MEMORY, job=JAEGER)
JAEGER_STORED, JAEGER_REFUSED, JAEGER_FAILED = (
    replace(of_each_signal[0], job=JAEGER) for of_each_signal in (SENT, REFUSED, SEND_FAILED)
)
SPANS_RECEIVED = PipelineMetric(
    "tempo_distributor_spans_received_total", "counter", TEMPO, "Spans that Tempo received."
)
SPANS_DISCARDED = PipelineMetric(
    "tempo_discarded_spans_total", "counter", TEMPO, "Spans that Tempo discarded.", ("reason",)
)
FLUSHES_FAILED = PipelineMetric(
    "tempo_ingester_failed_flushes_total", "counter", TEMPO, "Blocks that Tempo failed to write."
)
NOTIFICATIONS_FAILED = PipelineMetric(
    "alertmanager_notifications_failed_total",
    "counter",
    ALERTMANAGER,
    "Failed notifications.",
    ("integration",),
)

_COLLECTOR = (UPTIME, COLLECTOR_MEMORY, *ACCEPTED, *REFUSED, *SENT, QUEUE_SIZE, QUEUE_CAPACITY)
_COLLECTOR_LOSSES = (*SEND_FAILED, *ENQUEUE_FAILED)
_PROMETHEUS = (UP, MEMORY, HEAD_SERIES, SAMPLES, *NOT_STORED.values())
_PROMETHEUS_FAILURES = (RULE_FAILURES, NOTIFICATIONS_DROPPED, CORRUPTIONS)
_FORWARDING = (NEWEST_SAMPLE, FORWARDED)
_OTHERS = (SPANS_RECEIVED, SPANS_DISCARDED, FLUSHES_FAILED, NOTIFICATIONS_FAILED)
PIPELINE_METRICS = (*_COLLECTOR, *_COLLECTOR_LOSSES, *_PROMETHEUS, *_PROMETHEUS_FAILURES, *_FORWARDING, *_OTHERS)
