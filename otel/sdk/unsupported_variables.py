"""The OTEL_* variables that are not supported: why, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterable

from otel.sdk.variable_rules import SIGNALS, UNSET, Signal, Variable


def _unsupported(reason: str, names: Iterable[str], *signals: Signal) -> list[Variable]:
    return [Variable(name, UNSET, reason, signals=signals) for name in names]


UNSUPPORTED = (
    *_unsupported(
        "the declarative configuration would build providers without tail sampling and without the list of allowed "
        "attributes; set the variables above",
        ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"),
    ),
    *_unsupported(
        "no sampler that is honoured takes an argument; TTSCOPE_TRACES_PER_SECOND limits the sampled traces",
        ("OTEL_TRACES_SAMPLER_ARG",),
        "TRACES",
    ),
    *_unsupported("set TTSCOPE_LOG_LEVEL; the drift job logs at info", ("OTEL_LOG_LEVEL",)),
    *_unsupported("set OTEL_RESOURCE_ATTRIBUTES", ("OTEL_ENTITIES",)),
    *_unsupported(
        "the scrape port is PROMETHEUS_PORT, and its address TTSCOPE_MANAGEMENT_HOST",
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT"),
        "METRICS",
    ),
    *_unsupported(
        "the one exporter is OTLP; a Collector can send it on in Zipkin's format",
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "OTEL_EXPORTER_ZIPKIN_PROTOCOL"),
        "TRACES",
    ),
    *_unsupported("set OTEL_EXPORTER_OTLP_TRACES_INSECURE", ("OTEL_EXPORTER_OTLP_SPAN_INSECURE",), "TRACES"),
    *_unsupported("set OTEL_EXPORTER_OTLP_METRICS_INSECURE", ("OTEL_EXPORTER_OTLP_METRIC_INSECURE",), "METRICS"),
    *_unsupported(
        "set OTEL_EXPORTER_OTLP_HEADERS, or OTEL_EXPORTER_OTLP_CLIENT_KEY and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        (
            f"OTEL_PYTHON_EXPORTER_OTLP_{protocol}_{signal}CREDENTIAL_PROVIDER"
            for protocol in ("GRPC", "HTTP")
            for signal in ("", *(f"{signal}_" for signal in SIGNALS))
        ),
        *SIGNALS,
    ),
    *_unsupported(
        "providers, context and ids are our own, because a trace is sampled when its request ends",
        (
            "OTEL_PYTHON_CONTEXT",
            "OTEL_PYTHON_ID_GENERATOR",
            "OTEL_PYTHON_TRACER_PROVIDER",
            "OTEL_PYTHON_METER_PROVIDER",
            "OTEL_PYTHON_LOGGER_PROVIDER",
            "OTEL_PYTHON_TRACER_CONFIGURATOR",
            "OTEL_PYTHON_METER_CONFIGURATOR",
            "OTEL_PYTHON_LOGGER_CONFIGURATOR",
        ),
    ),
    *_unsupported(
        "every request is counted, whatever its URL and method",
        (
            "OTEL_PYTHON_EXCLUDED_URLS",
            "OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS",
            "OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS",
            "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
        ),
    ),
    *_unsupported(
        "no header and no text of a request may leave the process",
        (
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        ),
    ),
    *_unsupported(
        "the server instruments itself; start it without opentelemetry-instrument",
        (
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
            "OTEL_PYTHON_DISTRO",
            "OTEL_PYTHON_CONFIGURATOR",
            "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED",
            "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH",
        ),
    ),
)
