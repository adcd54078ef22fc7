"""What the service promises: the share of requests that end well, over how long."""

from __future__ import annotations

from dashboards.promql import equals, increase, share
from otel.attributes import OUTCOME
from otel.instruments import REQUESTS

AVAILABILITY = 0.995
"""Of the requests that were accepted: those refused and those whose client left are not among them."""
WINDOW = "30d"
"""Or as far back as Prometheus keeps."""


def failures(over: str) -> str:
    """The share of accepted requests that failed within a time."""
    failed, accepted = (
        increase(REQUESTS, over, (), equals(OUTCOME, *outcomes)) for outcomes in (("error",), ("ok", "error"))
    )
    return share(failed, accepted)


def budget_left() -> str:
    """What is left of the failures that the window allows: 1 is all of them, 0 none, less is a broken promise."""
    return f"1 - ({failures(WINDOW)}) / {allowed()}"


def burn_rate(over: str) -> str:
    """How many times as fast as the window allows the failures of a time use the budget up."""
    return f"({failures(over)}) / {allowed()}"


def allowed() -> str:
    """The share of requests that may fail."""
    return f"{1 - AVAILABILITY:.4g}"
