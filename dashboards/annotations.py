"""What happened, drawn over the charts: deploys, alerts, drift."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.promql import largest
from dashboards.variables import JOB
from otel.contract.labels import DRIFT_COLUMN
from otel.contract.metrics import DRIFT_DETECTED

BUILD = "service_version, tts_build"
"""Labels of target_info, in which Prometheus keeps the resource that the metrics came from."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marked while ``promql`` finds something; in ``title`` and ``text`` {label} stands for the label's value.

    empty: why it may find nothing on a healthy server.
    """

    name: str
    promql: str
    title: str
    text: str
    colour: str
    empty: str
    lasts: bool = True
    """Its end means something; else only its begin does."""


SEEN = f'target_info{{{JOB.label}=~"${JOB.name}", tts_build!=""}}'
"""The servers: other programs have no build."""
DEPLOYS = Annotation(
    "Deploys",
    f"count by ({BUILD}) ({SEEN} unless on ({BUILD}) last_over_time({SEEN}[1d] offset 5m))",
    "{service_version}",
    "build {tts_build}",
    "blue",
    "No version or build came that had not been there within a day.",
    lasts=False,
)
ALERTS = Annotation(
    "Alerts",
    'max by (alertname, severity) (ALERTS{alertstate="firing", severity!="none"})',
    "{alertname}",
    "{severity}",
    "red",
    "No alert fires.",
)
DRIFT = Annotation(
    "Drift",
    f"{largest(DRIFT_DETECTED, (DRIFT_COLUMN,))} == 1",
    "drift",
    "{column}",
    "purple",
    "Nothing has drifted.",
)
ANNOTATIONS = (DEPLOYS, ALERTS, DRIFT)
