"""The report of costs: a page, a table as CSV, and all figures as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drift.accounts.costs import USES, CostGroup, CostReport, MachineCosts
from drift.files import json_text
from drift.reports import charts
from drift.reports.page import environment
from drift.reports.tables import Cell, count, csv_text, hours, money, share

TITLES = {
    "voice": "By voice",
    "client": "By client",
    "tenant": "By tenant",
    "provider": "By provider",
    "language": "By language",
    "word_range": "By number of words",
}
USE_TITLES = {
    "requests": "requests",
    "wasted": "wasted: steps of cancelled and failed requests, and of checks",
    "overhead": "overhead: the server's other work",
    "idle": "idle",
}
SHOWN = 20
"""The maximum number of groups in a table of the page; the CSV has all."""
HEADER = (
    *("group", "name", "requests", "cost", "charge", "saved", "cpu_seconds", "gpu_seconds", "energy_joules"),
    *("audio_seconds", "characters", "currency"),
)
CLOSES = 0.01
"""The largest difference between the accounts of requests and of machines, as a share of the machines' cost, that
counts as closed."""


def html(report: CostReport) -> str:
    """Returns the page as HTML, without scripts."""
    machines = report.machines
    return (
        environment()
        .get_template("cost.html")
        .render(
            name=report.span.name,
            period=f"{report.span.start:%-d %B %Y, %H:%M} to {report.span.end:%-d %B %Y, %H:%M} UTC",
            priced=report.currency is not None,
            words=words(report),
            notes=notes(report),
            machine=None if machines is None else _machine_rows(machines, report.currency),
            facts=[] if machines is None else _machine_facts(machines, report.currency),
            days=_days(report),
            tables=[
                (TITLES[kind], [_row(group, report) for group in report.groups[kind][:SHOWN]], len(report.groups[kind]))
                for kind in TITLES
            ],
            shown=SHOWN,
        )
    )


def words(report: CostReport) -> str:
    """Returns the result in a sentence or two."""
    total, currency = report.total, report.currency
    if currency is None:
        return "Nothing was priced in this period: no server had a price list (TTSCOPE_PRICES_FILE)."
    text = (
        f"{count(total.requests)} requests cost {money(total.cost, currency)}, "
        f"{money(total.per_thousand, currency)} per thousand."
    )
    if report.machines is None:
        return text
    idle = share(report.machines.cost["idle"], report.machines.total)
    return f"{text} The machines cost {money(report.machines.total, currency)}, of which {idle} was idle time."


def notes(report: CostReport) -> list[str]:
    """Returns what a reader must know about the figures: what is missing, and whether the accounts agree."""
    found = []
    if report.currency is not None and report.unpriced:
        found.append(f"{count(report.unpriced)} requests have no cost: their server had no price list.")
    if report.other_currencies:
        found.append(f"What is priced in {', '.join(report.other_currencies)} is left out.")
    if report.machines is None:
        if report.currency is not None:
            found.append("No server reported its machine's time, so idle time is unknown.")
        return found
    if report.machines.missing:
        found.append(f"{count(report.machines.missing)} minutes of machines are missing among those reported.")
    difference = report.difference
    if difference is not None:
        verdict = "close" if abs(difference) <= CLOSES else "do not close"
        found.append(
            f"The accounts {verdict}: the costs of single requests differ from what the machines report for requests "
            f"by {abs(difference):.2%} of the machines' cost."
        )
    return found


def table(report: CostReport) -> str:
    """Returns every group, and the machines' lines, as CSV."""
    rows: list[tuple[Cell, ...]] = [_cells("all", report.total, report)]
    rows += [_cells(kind, group, report) for kind, groups in report.groups.items() for group in groups]
    if report.machines is not None:
        machines = report.machines
        rows += [
            (
                *("machine", use, None, machines.cost[use], None, None),
                *(machines.core_seconds[use], machines.gpu_seconds.get(use), None, None, None, report.currency),
            )
            for use in USES
        ]
    return csv_text(HEADER, rows)


def figures(report: CostReport) -> str:
    """Returns all figures as JSON."""
    return json_text({**asdict(report), "difference": report.difference})


def _cells(kind: str, group: CostGroup, report: CostReport) -> tuple[Cell, ...]:
    return (
        *(kind, group.name, group.requests, group.cost, group.charge, group.saved, group.cpu_seconds),
        *(group.gpu_seconds, group.energy, group.audio_seconds, group.characters, report.currency),
    )


def _row(group: CostGroup, report: CostReport) -> dict[str, str]:
    return {
        "name": group.name,
        "requests": count(group.requests),
        "cost": money(group.cost, report.currency),
        "share": share(group.cost, report.total.cost),
        "per_thousand": money(group.per_thousand, report.currency),
        "per_audio_hour": money(group.per_audio_hour, report.currency),
        "saved": money(group.saved, report.currency),
    }


def _machine_rows(machines: MachineCosts, currency: str | None) -> list[dict[str, str]]:
    rows = [
        {
            "use": USE_TITLES[use],
            "cores": hours(machines.core_seconds[use]),
            "gpus": hours(machines.gpu_seconds[use]) if use in machines.gpu_seconds else "",
            "cost": money(machines.cost[use], currency),
            "share": share(machines.cost[use], machines.total),
        }
        for use in USES
    ]
    total = {
        "use": "all",
        "cores": hours(sum(machines.core_seconds.values())),
        "gpus": hours(sum(machines.gpu_seconds.values())),
        "cost": money(machines.total, currency),
        "share": share(machines.total, machines.total),
    }
    return [*rows, total]


def _machine_facts(machines: MachineCosts, currency: str | None) -> list[str]:
    return [
        f"processes of servers: {count(machines.servers)}, which ran for {hours(machines.seconds)} together",
        f"energy {machines.energy / 3.6e6:,.3f} kWh",
        f"carbon dioxide {machines.carbon:,.1f} g",
        f"saved by batches {money(machines.saved_by_batching, currency)}",
    ]


def _days(report: CostReport) -> Any:
    """Returns the chart of the days, empty with fewer than two."""
    days = report.groups["day"]
    if len(days) < 2 or not report.total.cost:
        return ""
    points = [
        charts.ChartPoint(day.name[5:], day.cost, f"{day.name}: {money(day.cost, report.currency)}") for day in days
    ]
    mean = report.total.cost / len(days)
    return charts.lines({"cost of requests": points}, threshold=mean, unit=f"{report.currency} a day; dashed: the mean")
