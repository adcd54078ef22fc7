"""The availability objective of the contract: its error budget and burn rate, as PromQL."""

from __future__ import annotations

from dashboards.scope import SELECTED_SERVERS
from otel.contract.slo import AVAILABILITY, Count

WINDOW = f"{AVAILABILITY.window_days}d"


def budget_left() -> str:
    """Returns the share of the error budget that is left: 1 is all of it, 0 none, less is a missed objective."""
    return f"1 - ({bad_share(WINDOW)}) / {AVAILABILITY.budget:g}"


def burn_rate(over: str) -> str:
    """Returns the burn rate over a period: the rate at which bad requests use up the error budget; 1 is allowed."""
    return f"({bad_share(over)}) / {AVAILABILITY.budget:g}"


def bad_share(over: str) -> str:
    """Returns the share of bad requests among the good and bad ones of a period; no value if there are none."""

    def count(count: Count) -> str:
        return SELECTED_SERVERS.count(count.counter, where=count.where, over=over)

    return f"({AVAILABILITY.bad_requests(count)}) / (({AVAILABILITY.requests(count)}) > 0)"
