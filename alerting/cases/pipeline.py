"""Tests of the alerts on the telemetry pipeline."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

UPTIME = 'otelcol_process_uptime_seconds_total{job="otelcol-ttscope"}'
AGENT_UPTIME = 'otelcol_process_uptime_seconds_total{job="otelcol-ttscope-agent"}'
JAEGER_UPTIME = 'otelcol_process_uptime_seconds_total{job="jaeger"}'
PROMETHEUS, TRACES = {"exporter": "otlp_http/prometheus"}, {"exporter": "otlp_grpc/traces"}
FAILED = 'otelcol_exporter_send_failed_metric_points_total{job="otelcol-ttscope",exporter="otlp_http/prometheus"}'
AGENT, GATEWAY = 'job="otelcol-ttscope-agent",exporter="otlp_grpc/gateway"', {"exporter": "otlp_grpc/gateway"}
AGENT_FULL = f"otelcol_exporter_enqueue_failed_log_records_total{{{AGENT}}}"
FULL = 'otelcol_exporter_enqueue_failed_spans_total{job="otelcol-ttscope",exporter="otlp_grpc/traces"}'
JAEGER_FAILED = 'otelcol_exporter_send_failed_spans_total{job="jaeger",exporter="jaeger_storage_exporter"}'
QUEUE, ROOM = (f'otelcol_exporter_queue_{name}{{exporter="otlp_grpc/traces"}}' for name in ("size", "capacity"))
LOST = 'otel_sdk_processor_span_processed_total{instance="a",error_type="queue_full"}'
KEPT = 'otel_sdk_processor_span_processed_total{instance="a"}'
EVENTS_LOST, EVENTS_KEPT = (
    f'tts_events_lost_total{{instance="a",reason="{reason}"}}' for reason in ("disk_full", "io_error")
)
SERVER, JOB = 'tts_requests_in_flight{job="ttscope"}', 'tts_drift_last_run_timestamp_seconds{job="ttscope-drift"}'
NEWEST = 'prometheus_remote_storage_highest_timestamp_in_seconds{instance="a"}'
FORWARDED = 'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{instance="a",remote_name="mimir"}'
UP = {"job": "jaeger", "instance": "b"}
TARGET = 'up{job="jaeger",instance="b"}'

COLLECTOR_ABSENT = (
    "The Collector has not reported within the last minute; 1 reported within the last day. Until it is back, traces and "
    "events of servers are lost where no agent keeps them; totals are not."
)

CASES: tuple[Case, ...] = (
    fires(
        "TtsWatchdog",
        "always",
        "0m",
        {},
        Firing("This alert always fires. If it stops arriving, no other alert arrives either."),
    ),
    fires(
        "TtsCollectorAbsent",
        "gone two minutes ago",
        "8m",
        {UPTIME: "0+60x5"},
        Firing(COLLECTOR_ABSENT),
    ),
    silent(Kind.EDGE, "TtsCollectorAbsent", "gone a minute ago", "6m", {UPTIME: "0+60x5"}),
    silent(Kind.QUIET, "TtsCollectorAbsent", "another one has taken its place", "12m", {UPTIME: "0+60x5 0+60x20"}),
    fires(
        "TtsCollectorAbsent",
        "the gateway is gone, while agents still report",
        "8m",
        {UPTIME: "0+60x5", AGENT_UPTIME: "0+60x20"},
        Firing(COLLECTOR_ABSENT),
    ),
    fires(
        "TtsCollectorAbsent",
        "gone, while Jaeger still reports",
        "8m",
        {UPTIME: "0+60x5", JAEGER_UPTIME: "0+60x20"},
        Firing(COLLECTOR_ABSENT),
    ),
    silent(Kind.MISSING, "TtsCollectorAbsent", "there never was one: servers are scraped", "8m", {SERVER: "0x20"}),
    fires(
        "TtsCollectorDropping",
        "its first failure",
        "10m",
        {FAILED: "_ _ _ _ _ 40x20"},
        Firing(
            "40 items for otlp_http/prometheus were dropped within ten minutes: they were refused, or the queue is full.",
            PROMETHEUS,
        ),
    ),
    fires(
        "TtsCollectorDropping",
        "a full queue",
        "20m",
        {FULL: "0x10 5x20"},
        Firing(
            "5 items for otlp_grpc/traces were dropped within ten minutes: they were refused, or the queue is full.",
            TRACES,
        ),
    ),
    fires(
        "TtsCollectorDropping",
        "the full queue of an agent",
        "20m",
        {AGENT_FULL: "0x10 5x20"},
        Firing(
            "5 items for otlp_grpc/gateway were dropped within ten minutes: they were refused, or the queue is full.",
            GATEWAY,
        ),
    ),
    silent(Kind.EDGE, "TtsCollectorDropping", "eleven minutes ago", "22m", {FULL: "0x10 5x20"}),
    silent(
        Kind.QUIET,
        "TtsCollectorDropping",
        "Jaeger could not store: the Collector sends it again",
        "10m",
        {JAEGER_FAILED: "_ _ _ _ _ 40x20"},
    ),
    silent(Kind.MISSING, "TtsCollectorDropping", "no failure yet", "20m", {UPTIME: "0+60x30"}),
    fires(
        "TtsCollectorQueueFilling",
        "51 %",
        "5m",
        {QUEUE: "51x20", ROOM: "100x20"},
        Firing(
            "51% of the queue for otlp_grpc/traces is in use, because the store, or the gateway of an agent, does not accept data. When it is full, data is dropped.",
            TRACES,
        ),
    ),
    silent(Kind.EDGE, "TtsCollectorQueueFilling", "half", "5m", {QUEUE: "50x20", ROOM: "100x20"}),
    silent(Kind.MISSING, "TtsCollectorQueueFilling", "no Collector", "5m"),
    fires(
        "TtsTelemetryDropped",
        "its first loss",
        "10m",
        {LOST: "_ _ _ _ _ 40x20", KEPT: "0+100x20"},
        Firing("a could not deliver 40 spans or events to the Collector within ten minutes.", {"instance": "a"}),
    ),
    silent(Kind.EDGE, "TtsTelemetryDropped", "a loss that is long past", "30m", {LOST: "40x60"}),
    silent(Kind.MISSING, "TtsTelemetryDropped", "nothing was ever lost", "10m", {KEPT: "0+100x20"}),
    fires(
        "TtsEventsLost",
        "its disk is full",
        "20m",
        {EVENTS_LOST: "0x10 512x20", EVENTS_KEPT: "0x30"},
        Firing("a lost 512 events within ten minutes. Reason: disk_full.", {"instance": "a", "reason": "disk_full"}),
    ),
    silent(Kind.EDGE, "TtsEventsLost", "a loss that is eleven minutes old", "22m", {EVENTS_LOST: "0x10 512x20"}),
    silent(Kind.QUIET, "TtsEventsLost", "every event was written", "20m", {EVENTS_KEPT: "0x30"}),
    silent(Kind.MISSING, "TtsEventsLost", "there is no server", "20m"),
    fires(
        "TtsTelemetryStale",
        "the drift job is silent for five minutes",
        "15m",
        {SERVER: "0x30", JOB: "0x10"},
        Firing(
            "The newest metric of ttscope-drift is 5m 0s old; the limit is 120 s.",
            {"job": "ttscope-drift"},
        ),
    ),
    fires(
        "TtsTelemetryStale",
        "all agents are silent",
        "15m",
        {UPTIME: "0+60x30", AGENT_UPTIME: "0+60x10"},
        Firing(
            "The newest metric of otelcol-ttscope-agent is 5m 0s old; the limit is 120 s.",
            {"job": "otelcol-ttscope-agent"},
        ),
    ),
    silent(Kind.EDGE, "TtsTelemetryStale", "two minutes", "12m", {SERVER: "0x30", JOB: "0x10"}),
    silent(Kind.QUIET, "TtsTelemetryStale", "it has not been seen for an hour", "90m", {SERVER: "0x120", JOB: "0x10"}),
    silent(Kind.MISSING, "TtsTelemetryStale", "nothing ever came", "15m"),
    fires(
        "TtsTargetDown",
        "Jaeger is gone",
        "5m",
        {TARGET: "1 0x20"},
        Firing("jaeger at b does not answer Prometheus.", UP),
    ),
    silent(Kind.EDGE, "TtsTargetDown", "too short", "2m", {TARGET: "1 0x20"}),
    silent(Kind.MISSING, "TtsTargetDown", "nothing is scraped", "5m"),
    fires(
        "TtsStoreBehind",
        "six minutes without an answer",
        "12m",
        {NEWEST: "0+60x20", FORWARDED: "0+60x1 60x20"},
        Firing(
            "The newest sample that mimir has accepted is 11m 0s older than Prometheus' own. What it misses for more than "
            "two hours stays missing there.",
            {"instance": "a", "remote_name": "mimir"},
        ),
    ),
    silent(Kind.EDGE, "TtsStoreBehind", "five minutes behind", "15m", {NEWEST: "300+60x20", FORWARDED: "0+60x20"}),
    silent(Kind.MISSING, "TtsStoreBehind", "there is no store", "12m", {NEWEST: "0+60x20"}),
)
