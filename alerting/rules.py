"""Generates Prometheus' rule files from the alerts."""

from __future__ import annotations

from typing import Any

from alerting.alert import Alert, Group, Recording
from alerting.yaml_files import render
from otel.support.addresses import PublicAddresses

NOT_AT_ALL = "0s"


def file(group: Group, addresses: PublicAddresses) -> str:
    """Returns the text of rules/NAME.yml."""
    rules = [*map(_recording, group.recordings), *(_alert(alert, addresses) for alert in group.alerts)]
    every = {"interval": group.interval} if group.interval else {}
    return render({"groups": [{"name": f"ttscope.{group.name}", **every, "rules": rules}]}, group.about)


def _recording(recording: Recording) -> dict[str, Any]:
    labels = {"labels": recording.labels} if recording.labels else {}
    return {"record": recording.record, "expr": recording.expr, **labels}


def _alert(alert: Alert, addresses: PublicAddresses) -> dict[str, Any]:
    times = {"for": alert.hold, "keep_firing_for": alert.keep}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **{name: value for name, value in times.items() if value != NOT_AT_ALL},
        "labels": alert.all_labels,
        "annotations": alert.annotations(addresses),
    }
