"""The table of alerts in README.md: what each was tested for."""

from __future__ import annotations

from collections.abc import Iterator

from alerting.alert import Alert
from alerting.alerts import GROUPS
from alerting.case import Case, Kind
from alerting.cases import CASES
from alerting.live import LIVE

BEGIN, END = "<!-- the table: made by make alerting -->", "<!-- the end of the table -->"
SILENCES = {
    Kind.EDGE: "at its edge",
    Kind.FEW: "at low traffic",
    Kind.MISSING: "without series",
    Kind.QUIET: "otherwise",
}


def put_into(page: str) -> str:
    """The page with the table as it is now. Raises ValueError if there is no place for it."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no place between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n" + "\n".join(_lines()) + f"\n{END}{after}"


def _lines() -> Iterator[str]:
    yield "| alert | team, severity | fires | stays silent | arrives, and ends | runbook |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for group in GROUPS:
        for name in dict.fromkeys(alert.name for alert in group.alerts):
            alerts = [alert for alert in group.alerts if alert.name == name]
            yield _line(alerts, [case for case in CASES[group.name] if case.alert == name])


def _line(alerts: list[Alert], cases: list[Case]) -> str:
    name = alerts[0].name
    severities = ", ".join(dict.fromkeys(alert.severity.value for alert in alerts))
    fires = sum(case.kind is Kind.FIRES for case in cases)
    silent = [f"{words} {count}" for kind, words in SILENCES.items() if (count := _count(cases, kind))]
    arrives = f"by {LIVE[name]}" if name in LIVE else "by its route"
    runbook = f"[{name}.md](runbooks/{name}.md)"
    return f"| {name} | {alerts[0].team}, {severities} | {fires} | {', '.join(silent) or '-'} | {arrives} | {runbook} |"


def _count(cases: list[Case], kind: Kind) -> int:
    return sum(case.kind is kind for case in cases)
