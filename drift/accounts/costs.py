"""What requests cost, by whom and when, what was saved, and whether the accounts of requests and machines agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from drift.accounts.month import Span, by_length
from drift.rows.period import Period

USES = ("requests", "wasted", "overhead", "idle")
"""What a machine's time is used for, as in otel.contract.values.MachineUse."""
GROUPS = {
    "day": "strftime(moment, '%Y-%m-%d')",
    "voice": "coalesce(voice, 'none')",
    "client": "coalesce(client, 'unknown')",
    "tenant": "coalesce(tenant, 'unknown')",
    "provider": "coalesce(provider, 'none')",
    "language": "coalesce(language, 'none')",
    "word_range": "coalesce(word_range, '0')",
}
"""By which requests are grouped, and each group's name in SQL."""
MOST_GROUPS = 1000
"""The maximum number of groups of a kind; what is beyond it is summed up as one."""
REST = "(others)"

_AMOUNTS = """
    count(*) as requests, coalesce(sum(cost), 0.0) as cost, coalesce(sum(charge), 0.0) as charge,
    coalesce(sum(cost_saved), 0.0) as saved, coalesce(sum(cpu_seconds), 0.0) as cpu_seconds,
    coalesce(sum(gpu_seconds), 0.0) as gpu_seconds, coalesce(sum(energy), 0.0) as energy,
    coalesce(sum(audio_duration), 0.0) as audio_seconds,
    coalesce(sum(case when outcome = 'ok' then characters end), 0)::bigint as characters
"""


@dataclass(frozen=True, slots=True)
class CostGroup:
    """What a group of requests cost. Money is in the report's currency, energy in joules."""

    name: str
    requests: int
    cost: float
    charge: float
    """The part of ``cost`` for paid providers, and for replicas of the engine."""
    saved: float
    """By the cache and by shared syntheses."""
    cpu_seconds: float
    gpu_seconds: float
    energy: float
    audio_seconds: float
    characters: int

    @property
    def per_thousand(self) -> float | None:
        """The cost of a thousand requests."""
        return 1000 * self.cost / self.requests if self.requests else None

    @property
    def per_audio_hour(self) -> float | None:
        """The cost of an hour of audio."""
        return 3600 * self.cost / self.audio_seconds if self.audio_seconds else None


@dataclass(frozen=True, slots=True)
class MachineCosts:
    """What the machines' time cost and was used for."""

    servers: int
    """Processes of servers that reported."""
    seconds: float
    """Their running time together."""
    missing: int
    """Minutes that are missing among those that were reported."""
    core_seconds: dict[str, float]
    gpu_seconds: dict[str, float]
    cost: dict[str, float]
    """By use."""
    energy: float
    carbon: float
    """Grams."""
    saved_by_batching: float

    @property
    def total(self) -> float:
        return sum(self.cost.values())


@dataclass(frozen=True, slots=True)
class CostReport:
    """The costs of a period."""

    span: Span
    currency: str | None
    """None if no request and no minute was priced."""
    other_currencies: tuple[str, ...]
    """Currencies that are left out: those of another price list in the same period."""
    unpriced: int
    """Requests without a cost: their server had no price list."""
    total: CostGroup
    groups: dict[str, tuple[CostGroup, ...]]
    """By kind, the most expensive first; days in order."""
    machines: MachineCosts | None
    """None if no machine reported."""
    problems: tuple[str, ...] = field(default=())

    @property
    def difference(self) -> float | None:
        """How far the requests' own costs, without charges, are from what machines report for requests, as a share of
        the machines' cost; None without machines. The two are counted apart: one by each request, one by each server's
        clock."""
        if self.machines is None or not self.machines.total:
            return None
        return (self.total.cost - self.total.charge - self.machines.cost["requests"]) / self.machines.total


def costs(period: Period, span: Span) -> CostReport:
    """Returns the costs of the period's rows. Raises RowsDamaged."""
    currencies = [
        row["currency"]
        for row in period.rows(
            "select currency, count(*) as n from (select currency from requests union all select currency from machine)"
            " where currency is not null group by currency order by n desc, currency"
        )
    ]
    currency = currencies[0] if currencies else None
    unpriced = period.one("select count(*) as n from requests where cost is null")["n"]
    total = _groups(period, "'all'", currency, in_order=False)
    return CostReport(
        span,
        currency,
        tuple(currencies[1:]),
        int(unpriced),
        total[0] if total else CostGroup("all", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0),
        {kind: _groups(period, sql, currency, in_order=kind == "day") for kind, sql in GROUPS.items()},
        _machines(period, currency),
    )


def _groups(period: Period, sql: str, currency: str | None, *, in_order: bool) -> tuple[CostGroup, ...]:
    order = "name" if in_order else "cost desc, requests desc, name"
    rows = period.rows(
        f"select {sql} as name, {_AMOUNTS} from requests where currency is null or currency = $currency"  # noqa: S608 - our own SQL
        f" group by name order by {order}",
        currency=currency or "",
    )
    groups = [CostGroup(**row) for row in rows]
    if sql == GROUPS["word_range"]:
        groups.sort(key=lambda group: by_length(group.name))
    if len(groups) <= MOST_GROUPS:
        return tuple(groups)
    return (*groups[:MOST_GROUPS], _sum(groups[MOST_GROUPS:]))


def _sum(groups: Sequence[CostGroup]) -> CostGroup:
    names = [name for name in CostGroup.__slots__ if name != "name"]
    amounts: dict[str, Any] = {name: sum(getattr(group, name) for group in groups) for name in names}
    return CostGroup(REST, **amounts)


def _machines(period: Period, currency: str | None) -> MachineCosts | None:
    amounts = [*(f"cpu_{use}" for use in USES), *(f"gpu_{use}" for use in USES if use != "overhead")]
    amounts += [*(f"cost_{use}" for use in USES), "seconds", "energy", "carbon", "saved_batching"]
    sums = ", ".join(f"coalesce(sum({name}), 0.0) as {name}" for name in amounts)
    row = period.one(
        f"select count(distinct server) as servers, {sums} from machine where currency = $currency",  # noqa: S608
        currency=currency or "",
    )
    if not row["servers"]:
        return None
    missing = period.one(
        "select coalesce(sum(missing), 0)::bigint as missing from"
        " (select max(number) - min(number) + 1 - count(*) as missing from machine group by server)"
    )
    return MachineCosts(
        int(row["servers"]),
        row["seconds"],
        int(missing["missing"]),
        {use: row[f"cpu_{use}"] for use in USES},
        {use: row[f"gpu_{use}"] for use in USES if use != "overhead"},
        {use: row[f"cost_{use}"] for use in USES},
        row["energy"],
        row["carbon"],
        row["saved_batching"],
    )
