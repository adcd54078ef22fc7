"""The Cost dashboard: what do requests cost, for whom, and what of the machine is paid for and not used?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED, SELECTED_SERVERS
from dashboards.variables import SPAN
from otel.contract import budget
from otel.contract.cost_metrics import (
    COST,
    COST_SAVED,
    MACHINE_CARBON,
    MACHINE_COST,
    MACHINE_ENERGY,
    MACHINE_TIME,
    TENANT_COST,
)
from otel.contract.labels import CLIENT, DEVICE, MACHINE_USE, SAVING, TENANT, VOICE_NAME
from otel.contract.metrics import AUDIO_DURATION, REQUESTS
from otel.contract.promql import ratio
from otel.contract.values import BudgetPeriod, MachineUse

NO_PRICES = "The server has no price list: TTSCOPE_PRICES_FILE is not set (docs/cost.md)."
NO_BUDGET = "The price list has no such budget, or TTSCOPE_PRICES_FILE is not set (docs/cost.md)."
IN_CURRENCY = "In the currency of the price list."

REQUESTS_COST = Panel(
    "cost-requests",
    "Cost of requests",
    "Cost of requests, over the dashboard's time range: their share of the engine's time and energy, and what paid "
    f"providers charge. {IN_CURRENCY}",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(COST, over=SPAN)),),
    empty=NO_PRICES,
    width=6,
    height=5,
)
MACHINE_COSTS = Panel(
    "cost-machine",
    "Cost of the machines",
    f"Cost of all time of the machines, idle time and energy included, over the dashboard's time range. {IN_CURRENCY}",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED_SERVERS.count(MACHINE_COST, over=SPAN)),),
    empty=NO_PRICES,
    width=6,
    height=5,
)
USED = Panel(
    "cost-used",
    "Machine time used by requests",
    "Share of the cost of the machines' time that went to requests, over the dashboard's time range.",
    "stat",
    Unit.SHARE,
    (
        Query(
            ratio(
                SELECTED_SERVERS.increase(MACHINE_COST, where={MACHINE_USE: MachineUse.REQUESTS}, over=SPAN),
                SELECTED_SERVERS.increase(MACHINE_COST, over=SPAN),
            )
        ),
    ),
    empty=NO_PRICES,
    width=6,
    height=5,
)
SAVED_COST = Panel(
    "cost-saved",
    "Cost saved",
    "What requests would have cost in addition without the cache, without shared syntheses and without batches, over "
    f"the dashboard's time range. {IN_CURRENCY}",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED_SERVERS.increase(COST_SAVED, by=(SAVING,), over=SPAN), "{by}"),),
    empty=NO_PRICES,
    width=6,
    height=5,
)
BY_VOICE = Panel(
    "cost-voice",
    "Cost by voice",
    f"Cost of requests per hour, by voice. {IN_CURRENCY}",
    "stacked",
    Unit.NUMBER,
    (Query(f"{SELECTED.rate(COST, by=(VOICE_NAME,))} * 3600", "{voice_name}"),),
    empty=NO_PRICES,
)
BY_CLIENT = Panel(
    "cost-client",
    "Cost by client",
    f"Cost of requests over the dashboard's time range, by the name of the client's API key. The 20 largest. "
    f"{IN_CURRENCY}",
    "table",
    Unit.NUMBER,
    (Query(f"topk (20, {SELECTED.increase(COST, by=(CLIENT,), over=SPAN)})", "{client}"),),
    empty=NO_PRICES,
)
BY_TENANT = Panel(
    "cost-tenant",
    "Cost by tenant",
    f"Cost of requests per hour, by the tenant of the client's API key. {IN_CURRENCY}",
    "stacked",
    Unit.NUMBER,
    (Query(f"{SELECTED_SERVERS.rate(TENANT_COST, by=(TENANT,))} * 3600", "{tenant}"),),
    empty=NO_PRICES,
)
PER_THOUSAND = Panel(
    "cost-thousand",
    "Cost of a thousand requests",
    f"Cost of requests, divided by their number in thousands; refused ones and those from the cache count too. "
    f"{IN_CURRENCY}",
    "lines",
    Unit.NUMBER,
    (Query(f"1000 * {SELECTED.rate(COST)} / ({SELECTED.rate(REQUESTS)} > 0)", "1,000 requests"),),
    empty=NO_PRICES,
    width=12,
)
PER_AUDIO_HOUR = Panel(
    "cost-audio-hour",
    "Cost of an hour of audio",
    f"Cost of requests for an hour of audio that clients received, by voice. {IN_CURRENCY}",
    "lines",
    Unit.NUMBER,
    (
        Query(
            f"3600 * {SELECTED.rate(COST, by=(VOICE_NAME,))} / "
            f"({SELECTED.rate(AUDIO_DURATION, by=(VOICE_NAME,), suffix='_sum')} > 0)",
            "{voice_name}",
        ),
    ),
    empty=NO_PRICES,
    width=12,
)
TIME_USE = Panel(
    "machine-time",
    "Use of the machines' time",
    "Cores, and GPUs, by what their time is used for: requests; steps that were wasted on cancelled or failed ones; "
    "the server's other work; nothing. Together they are all cores and GPUs that the servers have.",
    "stacked",
    Unit.NUMBER,
    (Query(SELECTED_SERVERS.rate(MACHINE_TIME, by=(DEVICE, MACHINE_USE)), "{device} {use}"),),
    empty=NO_PRICES,
    width=12,
)
COST_USE = Panel(
    "machine-cost",
    "Cost of the machines by use",
    f"Cost of the machines' time and energy per hour, by what the time is used for. {IN_CURRENCY}",
    "stacked",
    Unit.NUMBER,
    (Query(f"{SELECTED_SERVERS.rate(MACHINE_COST, by=(MACHINE_USE,))} * 3600", "{use}"),),
    empty=NO_PRICES,
    width=12,
)
POWER = Panel(
    "machine-power",
    "Power by use",
    "Power of the cores as the price list states it, and of the GPU as it is measured, by what it is used for.",
    "stacked",
    Unit.WATTS,
    (Query(SELECTED_SERVERS.rate(MACHINE_ENERGY, by=(MACHINE_USE,)), "{use}"),),
    empty=NO_PRICES,
    width=12,
)
CARBON = Panel(
    "machine-carbon",
    "Carbon dioxide",
    "Grams of carbon dioxide of the machines' energy, over the dashboard's time range, by what it was used for.",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED_SERVERS.increase(MACHINE_CARBON, by=(MACHINE_USE,), over=SPAN), "{use}"),),
    empty=NO_PRICES,
    width=12,
)


def _budget(period: BudgetPeriod, title: str, length: str) -> Panel:
    return Panel(
        f"budget-{period}",
        title,
        f"Cost of requests within {length}, as a share of the budget for this time, by tenant; `*` is all together. "
        "Alerts fire at 1, and when the rate of the last hours would lead to twice the budget.",
        "lines",
        Unit.SHARE,
        (Query(budget.share_spent(SELECTED_SERVERS, period), "{tenant}"),),
        thresholds=(Threshold(1.0, "critical"),),
        empty=NO_BUDGET,
        width=12,
    )


BUDGET_DAY = _budget(BudgetPeriod.DAY, "Budget of a day", "24 hours")
BUDGET_MONTH = _budget(BudgetPeriod.MONTH, "Budget of a month", "30 days")

COSTS = Board(
    "ttscope-cost",
    "Cost",
    "What do requests cost, for whom, and what of the machines is paid for and not used?",
    (
        Row("Totals", (REQUESTS_COST, MACHINE_COSTS, USED, SAVED_COST)),
        Row("Requests", (BY_VOICE, BY_CLIENT, BY_TENANT, PER_THOUSAND, PER_AUDIO_HOUR)),
        Row("Machines", (TIME_USE, COST_USE, POWER, CARBON)),
        Row("Budgets", (BUDGET_DAY, BUDGET_MONTH)),
    ),
)
