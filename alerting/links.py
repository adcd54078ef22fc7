"""Where the links of an alert lead. Another address of Grafana: change it here, and run ``make alerting``."""

from __future__ import annotations

from enum import StrEnum

GRAFANA = "http://localhost:3000"
RUNBOOKS = f"{GRAFANA}/public/ttscope/runbooks"
"""compose.yaml lets Grafana show alerting/runbooks there."""


class Dashboard(StrEnum):
    """Grafana's dashboards, by their uid."""

    SERVICE = "ttscope-service"
    WORDS = "ttscope-words"
    ENGINE = "ttscope-engine"
    QUALITY = "ttscope-quality"
    USAGE = "ttscope-usage"
    PIPELINE = "ttscope-pipeline"

    @property
    def url(self) -> str:
        return f"{GRAFANA}/d/{self.value}"


def runbook(alert: str) -> str:
    """The address of an alert's runbook."""
    return f"{RUNBOOKS}/{alert}.md"
