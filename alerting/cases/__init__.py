"""Every test of every alert, a module for each file of rules."""

from __future__ import annotations

from alerting.case import Case
from alerting.cases import anomaly, capacity, cost, machine, pipeline, providers, quality, security, service, slo

CASES: dict[str, tuple[Case, ...]] = {
    "service": service.CASES,
    "slo": slo.CASES,
    "providers": providers.CASES,
    "capacity": capacity.CASES,
    "machine": machine.CASES,
    "quality": quality.CASES,
    "anomaly": anomaly.CASES,
    "cost": cost.CASES,
    "security": security.CASES,
    "pipeline": pipeline.CASES,
}
"""The tests of each group of alerts, by the name of the group."""
