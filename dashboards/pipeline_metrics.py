"""What the Collector, Prometheus, Tempo and Alertmanager report of themselves, named as in a run of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

COLLECTOR, PROMETHEUS, TEMPO, ALERTMANAGER = "otelcol-ttscope", "prometheus", "tempo", "alertmanager"
"""The programs, by their jobs: otel/stack/config/prometheus.yml and collector.yaml."""
JOBS = (PROMETHEUS, TEMPO, ALERTMANAGER)
"""Those that Prometheus scrapes; the Collector sends."""


@dataclass(frozen=True, slots=True)
class PipelineMetric:
    """A metric of one of these programs: its name in Prometheus, whose it is, and the labels that panels use."""

    name: str
    kind: Literal["counter", "gauge"]
    job: str
    labels: tuple[str, ...] = ()

    def series(self, where: str = "") -> str:
        """Its series; ``where`` holds more matchers."""
        return f'{self.name}{{job="{self.job}"{", " if where else ""}{where}}}'


SIGNALS = {"spans": "spans", "metric_points": "readings", "log_records": "events"}
"""How the Collector calls what it counts, and how we do."""


def _of_the_collector(what: str, label: str) -> tuple[PipelineMetric, ...]:
    return tuple(PipelineMetric(f"otelcol_{what}_{signal}_total", "counter", COLLECTOR, (label,)) for signal in SIGNALS)


ACCEPTED = _of_the_collector("receiver_accepted", "receiver")
REFUSED = _of_the_collector("receiver_refused", "receiver")
SENT = _of_the_collector("exporter_sent", "exporter")
SEND_FAILED = _of_the_collector("exporter_send_failed", "exporter")
ENQUEUE_FAILED = _of_the_collector("exporter_enqueue_failed", "exporter")
"""One for each of SIGNALS, in their order."""
QUEUE_SIZE = PipelineMetric("otelcol_exporter_queue_size", "gauge", COLLECTOR, ("exporter",))
QUEUE_CAPACITY = PipelineMetric("otelcol_exporter_queue_capacity", "gauge", COLLECTOR, ("exporter",))
COLLECTOR_MEMORY = PipelineMetric("otelcol_process_memory_rss_bytes", "gauge", COLLECTOR)

UP = "up"
"""Of every program that Prometheus scrapes."""
MEMORY = tuple(PipelineMetric("process_resident_memory_bytes", "gauge", job) for job in JOBS)
HEAD_SERIES = PipelineMetric("prometheus_tsdb_head_series", "gauge", PROMETHEUS)
SAMPLES = PipelineMetric("prometheus_tsdb_head_samples_appended_total", "counter", PROMETHEUS, ("type",))
NOT_STORED = {
    why: PipelineMetric(f"prometheus_tsdb_{why}_samples_total", "counter", PROMETHEUS)
    for why in ("out_of_order", "out_of_bound", "too_old")
}
RULE_FAILURES = PipelineMetric("prometheus_rule_evaluation_failures_total", "counter", PROMETHEUS, ("rule_group",))
NOTIFICATIONS_DROPPED = PipelineMetric("prometheus_notifications_dropped_total", "counter", PROMETHEUS)
CORRUPTIONS = PipelineMetric("prometheus_tsdb_wal_corruptions_total", "counter", PROMETHEUS)
SPANS_RECEIVED = PipelineMetric("tempo_distributor_spans_received_total", "counter", TEMPO)
SPANS_DISCARDED = PipelineMetric("tempo_discarded_spans_total", "counter", TEMPO, ("reason",))
FLUSHES_FAILED = PipelineMetric("tempo_ingester_failed_flushes_total", "counter", TEMPO)
NOTIFICATIONS_FAILED = PipelineMetric(
    "alertmanager_notifications_failed_total", "counter", ALERTMANAGER, ("integration",)
)
