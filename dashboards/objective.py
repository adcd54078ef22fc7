"""The availability objective: its error budget and burn rate, as PromQL."""

from __future__ import annotations

from dashboards.scope import SELECTED
from otel.contract.labels import OUTCOME
from otel.contract.metrics import REQUESTS
from otel.contract.promql import ratio
from otel.contract.slo import AVAILABILITY, WINDOW_DAYS

WINDOW = f"{WINDOW_DAYS}d"


def failures(over: str) -> str:
    """The share of accepted requests that failed within a time; refused ones, and those whose client left, are none."""
    return ratio(counted(over, "error"), counted(over, "ok", "error"))


def counted(over: str, *outcomes: str) -> str:
    """How many requests ended so within a time.

    Not by increase(): a series begins with its first request, so the first failure of a kind would not be seen. Every
    process has series of its own, which only grow; only what a scraped server counted before it was started anew within
    that time can be missed.
    """
    found = SELECTED.series(REQUESTS, where={OUTCOME: outcomes})
    most = f"max_over_time({found}[{over}])"
    return f"sum (({most} - {found} offset {over}) or {most})"


def budget_left() -> str:
    """What is left of the failures that the window allows: 1 is all of them, 0 none, less is a broken promise."""
    return f"1 - ({failures(WINDOW)}) / {allowed()}"


def burn_rate(over: str) -> str:
    """How many times as fast as the window allows the failures of a time use the budget up."""
    return f"({failures(over)}) / {allowed()}"


def allowed() -> str:
    """The share of requests that may fail."""
    return f"{1 - AVAILABILITY:.4g}"
