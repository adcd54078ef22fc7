"""Where the links of an alert lead: into Grafana, whose address otel/support/addresses.py has."""

from __future__ import annotations

from enum import StrEnum

from otel.support.addresses import PublicAddresses

RUNBOOKS = "public/ttscope/runbooks"
"""In Grafana: compose.yaml lets it show alerting/runbooks there."""


class Dashboard(StrEnum):
    """Grafana's dashboards, by their uid."""

    SERVICE = "ttscope-service"
    WORDS = "ttscope-words"
    ENGINE = "ttscope-engine"
    QUALITY = "ttscope-quality"
    USAGE = "ttscope-usage"
    PIPELINE = "ttscope-pipeline"

    def url(self, addresses: PublicAddresses) -> str:
        return f"{addresses.grafana_url}/d/{self.value}"


def runbook(alert: str, addresses: PublicAddresses) -> str:
    """The address of an alert's runbook."""
    return f"{addresses.grafana_url}/{RUNBOOKS}/{alert}.md"
