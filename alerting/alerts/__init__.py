"""Every alert there is, a module for each file of rules."""

from __future__ import annotations

from alerting.alert import Alert, Group
from alerting.alerts import anomaly, capacity, cost, machine, pipeline, providers, quality, security, service, slo

GROUPS: tuple[Group, ...] = (
    service.GROUP,
    slo.GROUP,
    providers.GROUP,
    capacity.GROUP,
    machine.GROUP,
    quality.GROUP,
    anomaly.GROUP,
    cost.GROUP,
    security.GROUP,
    pipeline.GROUP,
)
ALERTS: tuple[Alert, ...] = tuple(alert for group in GROUPS for alert in group.alerts)
