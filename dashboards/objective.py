"""The objectives of the contract that are counted: their error budget and burn rate, as PromQL."""

from __future__ import annotations

from dashboards.scope import SELECTED_SERVERS
from otel.contract.slo import AVAILABILITY, WINDOW_DAYS, Count, CountedSlo

WINDOW = f"{WINDOW_DAYS}d"


def budget_left(slo: CountedSlo = AVAILABILITY) -> str:
    """Returns the share of the error budget that is left: 1 is all of it, 0 none, less is a missed objective."""
    return f"1 - ({bad_share(WINDOW, slo)}) / {slo.budget:g}"


def burn_rate(over: str, slo: CountedSlo = AVAILABILITY) -> str:
    """Returns the burn rate over a period: the rate at which bad requests use up the error budget; 1 is allowed."""
    return f"({bad_share(over, slo)}) / {slo.budget:g}"


def bad_share(over: str, slo: CountedSlo = AVAILABILITY) -> str:
    """Returns the share of bad requests among the good and bad ones of a period; no value if there are none."""

    def count(count: Count) -> str:
        return SELECTED_SERVERS.count(count.counter, where=count.where, over=over, suffix=count.suffix)

    return f"({slo.bad_requests(count)}) / (({slo.requests(count)}) > 0)"
