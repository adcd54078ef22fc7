"""The OTEL_* variables that are honoured."""

from __future__ import annotations

from collections.abc import Iterator

from otel.sdk import variable_rules as rules
from otel.sdk.variable_rules import SIGNALS, Rule, Signal, Variable

METRIC_INTERVAL_MILLIS = 10_000
"""The interval of OTLP exports if OTEL_METRIC_EXPORT_INTERVAL is not set (the SDK's own default is a minute)."""
EXPORT_SECONDS = 10.0
"""The time for one export, including its retries, if OTEL_EXPORTER_OTLP_TIMEOUT is not set."""
MOST_EXPORT_SECONDS = 600
EXPORT_TIMEOUT_MILLIS = 30_000
QUEUE_SIZE = 2048
BATCH_SIZE = 512


def _switches() -> Iterator[Variable]:
    yield Variable(
        "OTEL_SDK_DISABLED",
        rules.BOOLEAN,
        "Switches everything off; then no other variable of this table is checked.",
        "false",
    )
    for signal in SIGNALS:
        yield Variable(
            f"OTEL_{signal}_EXPORTER",
            rules.choice("otlp", "none"),
            "`otlp` exports the signal, to this machine if no endpoint is set; `none` switches its export off. "
            "Without it, a signal is exported if it has an endpoint.",
            signals=(signal,),
            instead="the scrape port PROMETHEUS_PORT is always open; a Collector sends OTLP on in other formats",
        )


def _otlp(option: str, rule: Rule, meaning: str, default: str = "", instead: str = "") -> Iterator[Variable]:
    """Yields the variable of an option of the OTLP exporter for all signals, and those for one signal."""
    yield Variable(f"OTEL_EXPORTER_OTLP_{option}", rule, meaning, default, SIGNALS, instead)
    for signal in SIGNALS:
        yield Variable(f"OTEL_EXPORTER_OTLP_{signal}_{option}", rule, meaning, default, (signal,), instead)


def _exporter() -> Iterator[Variable]:
    yield from _otlp(
        "ENDPOINT",
        Rule("a URL that begins with http:// or https://", bool),  # otel.sdk.otlp checks it together with its protocol
        "Switches export on, and sets its address. `http/protobuf` appends `/v1/traces`, `/v1/metrics` or `/v1/logs` "
        "to the general one, and uses one for a single signal as it is. `grpc` also takes `HOST:PORT` if "
        "`OTEL_EXPORTER_OTLP_INSECURE` is set.",
    )
    yield from _otlp(
        "PROTOCOL",
        rules.choice("grpc", "http/protobuf"),
        "The protocol.",
        "grpc",
        "http/json is not supported; use http/protobuf, which has the same port",
    )
    yield from _otlp("HEADERS", rules.HEADERS, "Headers of every export, such as an API key.")
    yield from _otlp(
        "TIMEOUT",
        rules.seconds(MOST_EXPORT_SECONDS),
        "The time for one export, including its retries.",
        f"{EXPORT_SECONDS:g}",
    )
    yield from _otlp("COMPRESSION", rules.choice("gzip", "none"), "The compression.", "none")
    yield from _otlp(
        "CERTIFICATE",
        rules.PEM_FILE,
        "The certificates that are trusted, for an endpoint with TLS.",
        "those of gRPC's or certifi's package",
    )
    yield from _otlp("CLIENT_KEY", rules.PEM_FILE, "The client's key for mutual TLS.")
    yield from _otlp("CLIENT_CERTIFICATE", rules.PEM_FILE, "The client's certificates for mutual TLS.")
    yield from _otlp(
        "INSECURE",
        rules.BOOLEAN,
        "Whether `grpc` uses no TLS with an endpoint without a scheme. The scheme of a URL takes precedence.",
    )
    yield Variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        rules.choice("cumulative", "delta", "lowmemory"),
        "The temporality of exported metrics. `/prometheus` stays cumulative. Prometheus, and so the dashboards and "
        "alerts, need `cumulative`.",
        "cumulative",
        ("METRICS",),
    )
    yield Variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        rules.choice("explicit_bucket_histogram"),
        "The kind of histogram. Ours are exported with explicit buckets, and again with exponential ones.",
        "explicit_bucket_histogram",
        ("METRICS",),
        "each histogram of ours is exported with explicit buckets, and again with exponential ones",
    )
    yield Variable(
        "OTEL_METRIC_EXPORT_INTERVAL",
        rules.whole("milliseconds", least=1),
        "Milliseconds between exports of metrics.",
        str(METRIC_INTERVAL_MILLIS),
        ("METRICS",),
    )
    yield Variable(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        rules.whole("milliseconds"),
        "The time for one collection and for one export of metrics; the smaller of this and "
        "`OTEL_EXPORTER_OTLP_TIMEOUT` applies. 0: no limit.",
        str(EXPORT_TIMEOUT_MILLIS),
        ("METRICS",),
    )
    yield Variable(
        "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
        rules.several(
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        ),
        "The errors of `grpc` after which an export is tried again.",
        "those of the specification",
        SIGNALS,
    )


def _queues() -> Iterator[Variable]:
    signals: tuple[tuple[str, str, str, Signal], ...] = (
        ("BSP", "traces", "5000", "TRACES"),
        ("BLRP", "events", "1000", "LOGS"),
    )
    for queue, what, delay, signal in signals:
        for option, rule, meaning, default in (
            ("SCHEDULE_DELAY", rules.whole("milliseconds", least=1), f"Milliseconds between exports of {what}.", delay),
            (
                "EXPORT_TIMEOUT",
                rules.whole("milliseconds"),
                f"The time for one export of {what}; the smaller of this and `OTEL_EXPORTER_OTLP_TIMEOUT` applies. "
                "0: no limit.",
                str(EXPORT_TIMEOUT_MILLIS),
            ),
            (
                "MAX_QUEUE_SIZE",
                rules.whole(least=1),
                f"The number of {'spans' if queue == 'BSP' else 'events'} that can wait.",
                str(QUEUE_SIZE),
            ),
            (
                "MAX_EXPORT_BATCH_SIZE",
                rules.whole(least=1),
                "The most that one export holds; at most the size of the queue.",
                str(BATCH_SIZE),
            ),
        ):
            yield Variable(f"OTEL_{queue}_{option}", rule, meaning, default, (signal,))


def _limits() -> Iterator[Variable]:
    for kind, what, signals in (
        ("", "an exported span or event", ("TRACES", "LOGS")),
        ("SPAN_", "an exported span", ("TRACES",)),
        ("LOGRECORD_", "an exported event", ("LOGS",)),
    ):
        yield Variable(
            f"OTEL_{kind}ATTRIBUTE_COUNT_LIMIT",
            rules.whole(),
            f"The number of attributes of {what}.",
            "128",
            signals,  # type: ignore[arg-type]
        )
        yield Variable(
            f"OTEL_{kind}ATTRIBUTE_VALUE_LENGTH_LIMIT",
            rules.whole(),
            f"The characters of an attribute of {what}.",
            "no limit",
            signals,  # type: ignore[arg-type]
        )
    yield Variable(
        "OTEL_SPAN_LINK_COUNT_LIMIT", rules.whole(), "The number of links of an exported span.", "128", ("TRACES",)
    )
    for name in ("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"):
        yield Variable(
            name,
            rules.whole(),
            "Any limit is kept: spans have no events, and links no attributes, because they could hold a client's "
            "text.",
            "128",
            ("TRACES",),
        )


def _general() -> Iterator[Variable]:
    yield Variable("OTEL_SERVICE_NAME", rules.ANY_TEXT, "The name of the service.", "ttscope")
    yield Variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        rules.ATTRIBUTES,
        "Attributes of the resource; they replace ours of the same name.",
    )
    yield Variable(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        rules.DETECTORS,
        "Detectors that add attributes to the resource, such as `host`, `os` and `process`.",
    )
    yield Variable(
        "OTEL_PROPAGATORS",
        rules.several("tracecontext", "baggage", "b3", "b3multi", "none"),
        "The formats in which a caller's trace is continued. `baggage` and `tracestate` are read by none of them, "
        "because they may hold any text. `none` in the list: no caller's trace is continued.",
        "tracecontext,baggage",
        instead="convert other formats in a proxy",
    )
    yield Variable(
        "OTEL_TRACES_SAMPLER",
        rules.choice("always_on", "always_off"),
        "`always_on` samples every trace, `always_off` none. Without it, sampling is decided at the end of a request "
        "([telemetry.md](telemetry.md)).",
        "tail sampling",
        ("TRACES",),
        "a request is sampled at its end, by its outcome and duration; TTSCOPE_TRACES_PER_SECOND limits the rest",
    )
    yield Variable(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        rules.choice("trace_based"),
        "The measurements that become exemplars.",
        "trace_based",
        ("METRICS",),
        "exemplars link the sampled traces, so that each leads to a trace that exists",
    )
    yield Variable(
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
        rules.BOOLEAN,
        "Whether the SDK counts its exports (`otel_sdk_*`); the alert on lost telemetry needs them.",
        "true",
    )
    yield Variable(
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        rules.STABLE_CONVENTIONS,
        "The HTTP instrumentation always follows the stable conventions, as if this were `http`.",
        "http",
        instead="the old names are in milliseconds and have labels that clients control",
    )


SECRETS = frozenset(variable.name for variable in _otlp("HEADERS", rules.HEADERS, ""))
"""The variables whose values are secrets."""
HONOURED = (*_switches(), *_exporter(), *_queues(), *_limits(), *_general())
