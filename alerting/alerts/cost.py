"""Alerts on the budgets of the price list."""

from __future__ import annotations

from collections.abc import Iterator

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract import budget
from otel.contract.promql import UNSCOPED
from otel.contract.values import BudgetPeriod

BURN_RATE = 2.0
"""At this rate the budget lasts half of its period."""
WINDOWS = {BudgetPeriod.DAY: (1, 0.25), BudgetPeriod.MONTH: (24, 2)}
"""By period, hours: the cost is high over the first ones, and still is over the last."""
LENGTHS = {BudgetPeriod.DAY: "24 hours", BudgetPeriod.MONTH: "30 days"}


def _alerts(period: BudgetPeriod) -> Iterator[Alert]:
    long, short = WINDOWS[period]
    length = LENGTHS[period]
    yield Alert(
        name="TtsBudgetBurning",
        expr=f"{budget.burn_rate(UNSCOPED, period, long)} > {BURN_RATE:g}\n"
        f"and on (tenant) {budget.burn_rate(UNSCOPED, period, short)} > {BURN_RATE:g}",
        hold="5m",
        severity=Severity.WARNING,
        team=Team.SERVICE,
        topic=Topic.USAGE,
        summary=f"The budget of the tenant {{{{ $labels.tenant }}}} for {length} is used up too fast",
        description=f"At the rate of the last {f'{long} hours' if long > 1 else 'hour'}, {length} would cost "
        "{{ $value | printf `%.1f` }} times the budget.",
        dashboard=Dashboard.COST,
        labels={"period": period},
    )
    yield Alert(
        name="TtsBudgetSpent",
        expr=f"{budget.share_spent(UNSCOPED, period)} >= 1",
        hold="5m",
        severity=Severity.WARNING,
        team=Team.SERVICE,
        topic=Topic.USAGE,
        summary=f"The budget of the tenant {{{{ $labels.tenant }}}} for {length} is spent",
        description=f"Requests cost {{{{ $value | humanizePercentage }}}} of the budget within {length}.",
        dashboard=Dashboard.COST,
        labels={"period": period},
    )


GROUP = Group(
    "cost",
    "Budgets: what requests cost, compared with the price list's budgets.",
    tuple(alert for period in BudgetPeriod for alert in _alerts(period)),
)
