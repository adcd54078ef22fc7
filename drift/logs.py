"""Logs as JSON on standard error; of other libraries' records only what holds no address."""

from __future__ import annotations

from otel.support import private_logs
from otel.support.private_logs import PrivateFormatter

FIELDS = frozenset(
    {
        "before",
        "from",
        "lines",
        "output",
        "problems",
        "reason",
        "reference",
        "rows",
        "seconds",
        "signal",
        "state",
        "text",
        "until",
        "variable",
        "window",
        "window_seconds",
        "windows",
    }
)
"""The fields of ``extra`` that are written; others are left out."""


def configure(level: str) -> None:
    """Sends all logs to standard error; others' only from warnings on: MLflow and urllib3 log addresses."""
    private_logs.configure(PrivateFormatter(FIELDS), level)
