"""What budgets are compared with, as PromQL: alerts and panels use the same."""

from __future__ import annotations

from otel.contract.cost_metrics import COST_BUDGET, TENANT_COST
from otel.contract.labels import ALL_TENANTS, BUDGET_PERIOD, BUDGET_TENANT, TENANT
from otel.contract.promql import PromQL
from otel.contract.values import BudgetPeriod

HOURS = {BudgetPeriod.DAY: 24, BudgetPeriod.MONTH: 720}
OVER = {BudgetPeriod.DAY: "1d", BudgetPeriod.MONTH: "30d"}
"""The range in which the cost is compared with the budget."""


def spent(queries: PromQL, over: str) -> str:
    """The cost of requests within ``over``, by tenant, and of all tenants together."""
    everything = f'label_replace({queries.increase(TENANT_COST, over=over)}, "tenant", "{ALL_TENANTS}", "", "")'
    return f"({queries.increase(TENANT_COST, by=(TENANT,), over=over)} or {everything})"


def budget(queries: PromQL, period: BudgetPeriod) -> str:
    """The budget of each tenant that has one, and of all together; equal on all servers."""
    return queries.largest(COST_BUDGET, by=(BUDGET_TENANT,), where={BUDGET_PERIOD: period})


def share_spent(queries: PromQL, period: BudgetPeriod) -> str:
    """The cost of the period until now, as a share of the budget."""
    return f"{spent(queries, OVER[period])} / on (tenant) {budget(queries, period)}"


def burn_rate(queries: PromQL, period: BudgetPeriod, hours: float) -> str:
    """How many times the budget a whole period would cost at the rate of the last hours."""
    over = f"{round(hours * 60)}m" if hours < 1 else f"{hours:g}h"
    return f"{spent(queries, over)} * {HOURS[period] / hours:g} / on (tenant) {budget(queries, period)}"
