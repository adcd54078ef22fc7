"""Alerts on the telemetry pipeline: the Collector, lost data, and whether alerts are delivered at all."""

from __future__ import annotations

from collections.abc import Iterable

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.drift_metrics import DRIFT_LAST_RUN
from otel.contract.labels import LOSS_REASON
from otel.contract.libraries import SDK_METRICS
from otel.contract.metrics import EVENTS_LOST, REQUESTS_IN_FLIGHT
from otel.contract.pipeline import (
    COLLECTOR,
    COLLECTORS,
    ENQUEUE_FAILED,
    FORWARDED,
    NEWEST_SAMPLE,
    QUEUE_CAPACITY,
    QUEUE_SIZE,
    SEND_FAILED,
    UP,
    UPTIME,
)
from otel.contract.promql import INSTANCE, JOB, UNSCOPED, Metric, Where

QUEUE_SHARE = 0.5
STALE_SECONDS = 120
BEHIND_SECONDS = 300
EXPORTER = "exporter"
REMOTE_NAME = "remote_name"
LOST: Where = {"error_type": None}
OF_THE_COLLECTOR: Where = {JOB: COLLECTOR}
OF_COLLECTORS: Where = {JOB: COLLECTORS}
"""The gateway, and the agents of Kubernetes. Jaeger is built from the Collector's parts and has metrics of the same names."""
RUNNING = UNSCOPED.series(UPTIME, where=OF_THE_COLLECTOR)
REPORTING: tuple[Metric, ...] = (REQUESTS_IN_FLIGHT, DRIFT_LAST_RUN, UPTIME)
"""A metric of each program that reports."""
COUNTED = tuple(metric for metric in SDK_METRICS if metric.kind == "counter")


def _any_grown(metrics: Iterable[Metric], where: Where | None, by: str) -> str:
    """Returns an expression for any of the metrics that has grown within ten minutes."""
    return "\nor ".join(f"({UNSCOPED.growth(metric, by=(by,), where=where, over='10m')}) > 0" for metric in metrics)


def _age(metric: Metric) -> str:
    """Returns an expression for the seconds since the newest sample of the last hour, if they are too many."""
    reported = UNSCOPED.series(metric, where=OF_COLLECTORS if metric is UPTIME else None)
    return f"time() - max by ({JOB}) (max_over_time(timestamp({reported})[1h:1m])) > {STALE_SECONDS}"


GROUP = Group(
    "pipeline",
    "The telemetry pipeline.",
    (
        Alert(
            name="TtsWatchdog",
            expr="vector(1)",
            hold="0s",
            severity=Severity.NONE,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="Alerts are delivered",
            description="This alert always fires. If it stops arriving, no other alert arrives either.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsCollectorAbsent",
            expr=f"count(count_over_time({RUNNING}[1d])) unless count(count_over_time({RUNNING}[1m]))",
            hold="30s",
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="The Collector is not reporting",
            description="The Collector has not reported within the last minute; {{ $value }} reported within the "
            "last day. Until it is back, traces and events of servers are lost where no agent keeps them; totals are "
            "not.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsCollectorDropping",
            expr=_any_grown((*SEND_FAILED, *ENQUEUE_FAILED), OF_COLLECTORS, EXPORTER),
            hold="0s",
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="The Collector drops data for {{ $labels.exporter }}",
            description="{{ $value | humanize }} items for {{ $labels.exporter }} were dropped within ten minutes: "
            "they were refused, or the queue is full.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsCollectorQueueFilling",
            expr=f"{UNSCOPED.largest(QUEUE_SIZE, by=(EXPORTER,))} / {UNSCOPED.largest(QUEUE_CAPACITY, by=(EXPORTER,))} > {QUEUE_SHARE:g}",
            hold="2m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="The Collector's queue for {{ $labels.exporter }} is filling",
            description="{{ $value | humanizePercentage }} of the queue for {{ $labels.exporter }} is in use, "
            "because the store, or the gateway of an agent, does not accept data. When it is full, data is dropped.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsTelemetryDropped",
            expr=_any_grown(COUNTED, LOST, INSTANCE),
            hold="0s",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="A server loses traces or events",
            description="{{ $labels.instance }} could not deliver {{ $value | humanize }} spans or events to the "
            "Collector within ten minutes.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsEventsLost",
            expr=f"({UNSCOPED.growth(EVENTS_LOST, by=(INSTANCE, LOSS_REASON), over='10m')}) > 0",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="A server can't write its events: {{ $labels.reason }}",
            description="{{ $labels.instance }} lost {{ $value | humanize }} events within ten minutes. Reason: "
            "{{ $labels.reason }}.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsTelemetryStale",
            expr="\nor ".join(_age(metric) for metric in REPORTING),
            hold="1m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="No new metrics from {{ $labels.job }}",
            description="The newest metric of {{ $labels.job }} is {{ $value | humanizeDuration }} old; the "
            f"limit is {STALE_SECONDS} s.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsTargetDown",
            expr=f"{UNSCOPED.largest(UP, by=(JOB, INSTANCE))} == 0",
            hold="2m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="{{ $labels.job }} can't be scraped",
            description="{{ $labels.job }} at {{ $labels.instance }} does not answer Prometheus.",
            dashboard=Dashboard.PIPELINE,
        ),
        Alert(
            name="TtsStoreBehind",
            expr=f"{UNSCOPED.largest(NEWEST_SAMPLE, by=(INSTANCE,))} - on ({INSTANCE}) group_right "
            f"{UNSCOPED.largest(FORWARDED, by=(INSTANCE, REMOTE_NAME))} > {BEHIND_SECONDS}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.PIPELINE,
            summary="The long-term store {{ $labels.remote_name }} is behind",
            description="The newest sample that {{ $labels.remote_name }} has accepted is {{ $value | humanizeDuration }} "
            "older than Prometheus' own. What it misses for more than two hours stays missing there.",
            dashboard=Dashboard.PIPELINE,
        ),
    ),
)
