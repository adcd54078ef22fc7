"""Events that are drawn over the charts: deploys, alerts, drift."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.scope import SELECTED
from dashboards.variables import JOB
from otel.contract.change_metrics import BUILD_WORSE, CHANGE_DETECTED
from otel.contract.drift_metrics import DRIFT_DETECTED
from otel.contract.labels import CHANGE_MEASURE, CHANGED_PROVIDER, CHANGED_VOICE, DRIFT_COLUMN

CHANGED = (CHANGE_MEASURE, CHANGED_VOICE, CHANGED_PROVIDER)
BUILD = "service_version, tts_build"
"""Labels of target_info, the series in which Prometheus keeps the resource attributes of a target."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation, drawn while ``promql`` returns a series; {label} in ``title`` and ``text`` is the label's value.

    empty: the reason why it may return nothing on a healthy server.
    """

    name: str
    promql: str
    title: str
    text: str
    colour: str
    empty: str
    lasts: bool = True
    """True if it is a period; False if only its beginning is meaningful."""


SEEN = f'target_info{{{JOB.label}=~"${JOB.name}", tts_build!=""}}'
"""Selects the servers: other programs have no build."""
DEPLOYS = Annotation(
    "Deploys",
    f"count by ({BUILD}) ({SEEN} unless on ({BUILD}) last_over_time({SEEN}[1d] offset 5m))",
    "{service_version}",
    "build {tts_build}",
    "blue",
    "No new version or build in this time.",
    lasts=False,
)
ALERTS = Annotation(
    "Alerts",
    'max by (alertname, severity) (ALERTS{alertstate="firing", severity!="none"})',
    "{alertname}",
    "{severity}",
    "red",
    "No alert is firing.",
)
DRIFT = Annotation(
    "Drift",
    f"{SELECTED.largest(DRIFT_DETECTED, by=(DRIFT_COLUMN,))} == 1",
    "drift",
    "{column}",
    "purple",
    "No column has drifted.",
)
CHANGES = Annotation(
    "Changes",
    f"{SELECTED.largest(CHANGE_DETECTED, by=CHANGED)} == 1",
    "change for the worse",
    "{measure} {voice_name} {provider}",
    "orange",
    "Nothing has changed for the worse.",
)
BUILD_VERDICTS = Annotation(
    "Builds",
    f"{SELECTED.largest(BUILD_WORSE, by=(CHANGE_MEASURE,))} == 1",
    "worse build",
    "{measure}",
    "yellow",
    "No build is worse than those before it.",
)
ANNOTATIONS = (DEPLOYS, ALERTS, DRIFT, CHANGES, BUILD_VERDICTS)
