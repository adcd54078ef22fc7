"""What a test of an alert is: series as they come in, a moment, and what is said then, or that nothing is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from alerting.alert import Alert
from alerting.yaml_files import render
from otel.support.addresses import PublicAddresses

LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


class Kind(StrEnum):
    """What a case is for."""

    FIRES = "fires"
    EDGE = "edge"
    """At the threshold, or before it has lasted long enough: silent."""
    MISSING = "missing"
    """Without the series that it asks for."""
    FEW = "few"
    """As bad, but with so little traffic that it means nothing: silent."""
    QUIET = "quiet"
    """Silent for another reason."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that is expected, without the labels and links that the rule adds by itself."""

    says: str
    """The description, values filled in."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those of its series."""
    rule: Mapping[str, str] = field(default_factory=dict)
    """Which one is meant, where several share the name: labels of the rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test of promtool: expected at ``at`` are exactly ``firing``, of this name."""

    alert: str
    kind: Kind
    what: str
    series: Mapping[str, str]
    """Values in promtool's notation, one an ``interval``."""
    at: str
    firing: tuple[Firing, ...] = ()
    interval: str = "1m"


def fires(alert: str, what: str, at: str, series: Mapping[str, str], *firing: Firing, interval: str = "1m") -> Case:
    """A case in which ``firing`` are expected; with FIRES as its kind."""
    return Case(alert, Kind.FIRES, what, series, at, firing, interval)


def silent(
    kind: Kind, alert: str, what: str, at: str, series: Mapping[str, str] | None = None, interval: str = "1m"
) -> Case:
    """A case in which nothing of that name is expected."""
    return Case(alert, kind, what, series or {}, at, (), interval)


def file(group: str, cases: tuple[Case, ...], alerts: tuple[Alert, ...], every: str, addresses: PublicAddresses) -> str:
    """The test file of promtool for a file of rules, which is evaluated ``every`` so often."""
    tests = [_test(case, alerts, addresses) for case in cases]
    return render(
        {"rule_files": [f"../rules/{group}.yml"], "evaluation_interval": every, "tests": tests},
        "Each alert firing and silent: promtool test rules alerting/tests/*.yml",
    )


def _test(case: Case, alerts: tuple[Alert, ...], addresses: PublicAddresses) -> dict[str, Any]:
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {
        "name": f"{case.alert}, {case.kind}: {case.what}",
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
