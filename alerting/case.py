"""The data of an alert's test: input series, a time, and the alerts that are expected then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from alerting.alert import Alert
from alerting.yaml_files import render
from otel.support.addresses import PublicAddresses

LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


class Kind(StrEnum):
    """The purpose of a case."""

    FIRES = "fires"
    EDGE = "edge"
    """Silent at the threshold, or before the fault has lasted long enough."""
    MISSING = "missing"
    """Silent without the series that the rule queries."""
    FEW = "few"
    """Silent because there is too little traffic to judge."""
    QUIET = "quiet"
    """Silent for another reason."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An expected alert, without the labels and links that the rule adds."""

    says: str
    """The description with its values filled in."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of its series."""
    rule: Mapping[str, str] = field(default_factory=dict)
    """Labels of the rule that select it, if several rules share the name."""


@dataclass(frozen=True, slots=True)
class Case:
    """A promtool test: of the alerts with this name, exactly ``firing`` are expected at the time ``at``."""

    alert: str
    kind: Kind
    situation: str
    series: Mapping[str, str]
    """Values in promtool's notation, one per ``interval``."""
    at: str
    firing: tuple[Firing, ...] = ()
    interval: str = "1m"


def fires(
    alert: str, situation: str, at: str, series: Mapping[str, str], *firing: Firing, interval: str = "1m"
) -> Case:
    """Returns a case of the kind FIRES in which ``firing`` are expected."""
    return Case(alert, Kind.FIRES, situation, series, at, firing, interval)


def silent(
    kind: Kind, alert: str, situation: str, at: str, series: Mapping[str, str] | None = None, interval: str = "1m"
) -> Case:
    """Returns a case in which no alert with that name is expected."""
    return Case(alert, kind, situation, series or {}, at, (), interval)


def file(
    rules: Path, cases: tuple[Case, ...], alerts: tuple[Alert, ...], every: str, addresses: PublicAddresses
) -> str:
    """Returns promtool's test file for a rule file that is evaluated every ``every``."""
    tests = [_test(case, alerts, addresses) for case in cases]
    return render(
        {"rule_files": [str(rules)], "evaluation_interval": every, "tests": tests},
        "Each alert firing and silent: promtool test rules",
    )


def _test(case: Case, alerts: tuple[Alert, ...], addresses: PublicAddresses) -> dict[str, Any]:
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {
        "name": f"{case.alert}, {case.kind}: {case.situation}",
        "interval": case.interval,
        **({"input_series": series} if series else {}),
        "alert_rule_test": [
            {
                "eval_time": case.at,
                "alertname": case.alert,
                "exp_alerts": [_expected(case.alert, firing, alerts, addresses) for firing in case.firing],
            }
        ],
    }


def _expected(name: str, firing: Firing, alerts: tuple[Alert, ...], addresses: PublicAddresses) -> dict[str, Any]:
    [alert] = [alert for alert in alerts if alert.name == name and firing.rule.items() <= {**alert.all_labels}.items()]
    summary = LABEL.sub(lambda match: firing.labels[match[1]], alert.summary)
    return {
        "exp_labels": {**firing.labels, **alert.all_labels},
        "exp_annotations": {**alert.annotations(addresses), "summary": summary, "description": firing.says},
    }
