"""Provisions Grafana's own alerts and their contact point: thresholds of the dashboards, anomalies, business.

They are generated from the same data as Prometheus' rules. Grafana sends firing alerts to our Alertmanager, so
receivers and their secrets are configured in one place; alerts that Prometheus also sends are silenced there. Source of
the format: Grafana's documentation, "Use configuration files to provision alerting resources".
"""

from __future__ import annotations

import re
from typing import Any

from alerting.alert import Alert
from alerting.alerts import ALERTS
from alerting.routes import SEEN_BY_GRAFANA
from alerting.yaml_files import render
from otel.support.addresses import PublicAddresses

FOLDER = "ttscope"
CONTACT = "ttscope-alertmanager"
PROMETHEUS = "prometheus"
"""The uid of the data source: dashboards/provisioning/datasources."""
GROUPS = {
    "thresholds": (
        "TtsErrorRateHigh",
        "TtsLatencyHigh",
        "TtsSuccessRateLow",
        "TtsCpuHigh",
        "TtsMemoryHigh",
        "TtsProviderUnavailable",
    ),
    "anomaly": ("TtsTrafficUnusual", "TtsSpeechUnusuallySlow"),
    "business": ("TtsUsageDrop", "TtsUsageSpike"),
}
INTERVAL, LOOKBACK_SECONDS = "1m", 600
VALUE = re.compile(r"\{\{ \$value \| ([^}]+) \}\}")


def files(addresses: PublicAddresses) -> dict[str, str]:
    """Returns the files of dashboards/provisioning/alerting, by name."""
    return {
        "rules.yaml": render(
            {"apiVersion": 1, "groups": [_group(*item, addresses) for item in GROUPS.items()]}, "Alert rules."
        ),
        "contact-points.yaml": render(
            {"apiVersion": 1, "contactPoints": [_contact()]}, "Alerts go to our Alertmanager, which has the receivers."
        ),
        "policies.yaml": render(
            {
                "apiVersion": 1,
                "policies": [
                    {
                        "orgId": 1,
                        "receiver": CONTACT,
                        "group_by": ["grafana_folder", "alertname"],
                        "group_wait": "10s",
                        "group_interval": "1m",
                        "repeat_interval": "1h",
                    }
                ],
            },
            "All alerts go to the one contact point.",
        ),
    }


def _contact() -> dict[str, Any]:
    receiver = {
        "uid": CONTACT,
        "type": "prometheus-alertmanager",
        "settings": {"url": "$ALERTMANAGER_URL"},
        "disableResolveMessage": False,
    }
    return {"orgId": 1, "name": CONTACT, "receivers": [receiver]}


def _group(name: str, alerts: tuple[str, ...], addresses: PublicAddresses) -> dict[str, Any]:
    rules = [_rule(_named(alert), addresses) for alert in alerts]
    return {"orgId": 1, "name": f"ttscope {name}", "folder": FOLDER, "interval": INTERVAL, "rules": rules}


def _named(name: str) -> Alert:
    [alert] = [alert for alert in ALERTS if alert.name == name]
    return alert


def _rule(alert: Alert, addresses: PublicAddresses) -> dict[str, Any]:
    """Returns a rule. Query A is Prometheus' own expression, which has a series while the alert fires; B tests that."""
    return {
        "uid": _uid(alert),
        "title": alert.name,
        "condition": "B",
        "data": [_query(alert), _is_there()],
        "dashboardUid": alert.dashboard.value,
        "panelId": 0,
        "noDataState": "OK",  # no series means no fault
        "execErrState": "Error",
        "for": alert.hold,
        **({"keepFiringFor": alert.keep} if alert.keep != "0s" else {}),
        "annotations": {name: _text(text) for name, text in alert.annotations(addresses).items()},
        "labels": {**alert.all_labels, **SEEN_BY_GRAFANA},
        "isPaused": False,
    }


def _uid(alert: Alert) -> str:
    """Returns the uid: at most 40 characters, and always the same for an alert."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert.name).lower()


def _query(alert: Alert) -> dict[str, Any]:
    return {
        "refId": "A",
        "relativeTimeRange": {"from": LOOKBACK_SECONDS, "to": 0},
        "datasourceUid": PROMETHEUS,
        "model": {"refId": "A", "expr": alert.expr, "instant": True, "range": False, "editorMode": "code"},
    }


def _is_there() -> dict[str, Any]:
    """Returns the condition, which any value meets: a provider that is not available has the value 0."""
    return {
        "refId": "B",
        "relativeTimeRange": {"from": LOOKBACK_SECONDS, "to": 0},
        "datasourceUid": "__expr__",
        "model": {
            "refId": "B",
            "type": "math",
            "expression": "is_number($A)",
            "datasource": {"type": "__expr__", "uid": "__expr__"},
        },
    }


def _text(text: str) -> str:
    """Returns the template in Grafana's syntax, without $, which its provisioning would treat as a variable."""
    text = VALUE.sub(lambda match: f"{{{{ .Values.A.Value | {match[1]} }}}}", text)
    return text.replace("{{ $value }}", "{{ .Values.A.Value }}").replace("$labels.", ".Labels.")
