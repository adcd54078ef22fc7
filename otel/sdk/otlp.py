"""What the standard OTEL_* variables ask for: which signals leave over OTLP, and how often."""

from __future__ import annotations

import os
import re
from typing import Literal

METRIC_INTERVAL_MILLIS = 10_000
"""Between exports over OTLP, unless OTEL_METRIC_EXPORT_INTERVAL says otherwise (the SDK's own default is a minute)."""

Signal = Literal["TRACES", "METRICS", "LOGS"]


def otlp_wanted(signal: Signal) -> bool:
    """Whether the standard variables ask for export of ``signal``."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(endpoint) and os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") != "none"


def metric_interval() -> float:
    """Milliseconds between exports of metrics. Raises ValueError if the variable is no number."""
    return float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", METRIC_INTERVAL_MILLIS))


def sdk_disabled() -> bool:
    """Whether OTEL_SDK_DISABLED switches everything off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def problems() -> list[str]:
    """What the standard variables ask for and can't have; each line begins with the variable's name."""
    found = []
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") != "grpc":
        found.append("OTEL_EXPORTER_OTLP_PROTOCOL: must be grpc, the one protocol that is built in")
    if not re.fullmatch(r"[1-9]\d*", os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "1")):
        found.append("OTEL_METRIC_EXPORT_INTERVAL: must be a whole number of milliseconds")
    return found
