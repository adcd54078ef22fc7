"""Reads the standard OTEL_* variables: which signals are exported over OTLP, and how often."""

from __future__ import annotations

import os
import re
from typing import Literal

METRIC_INTERVAL_MILLIS = 10_000
"""The interval of OTLP exports if OTEL_METRIC_EXPORT_INTERVAL is not set (the SDK's own default is a minute)."""

Signal = Literal["TRACES", "METRICS", "LOGS"]


def otlp_enabled(signal: Signal) -> bool:
    """Returns whether the standard variables enable the export of ``signal``."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(endpoint) and os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") != "none"


def metric_interval() -> float:
    """Returns the milliseconds between exports of metrics. Raises ValueError if the variable is not a number."""
    return float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", METRIC_INTERVAL_MILLIS))


def sdk_disabled() -> bool:
    """Returns whether OTEL_SDK_DISABLED disables everything."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def problems() -> list[str]:
    """Returns the errors in the standard variables; each line begins with the variable's name."""
    lines = []
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") != "grpc":
        lines.append("OTEL_EXPORTER_OTLP_PROTOCOL: must be grpc, the one protocol that is built in")
    if not re.fullmatch(r"[1-9]\d*", os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "1")):
        lines.append("OTEL_METRIC_EXPORT_INTERVAL: must be a whole number of milliseconds")
    return lines
