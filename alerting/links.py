"""The links of an alert, which lead to Grafana at the address of otel/support/addresses.py."""

from __future__ import annotations

from enum import StrEnum

from otel.support.addresses import PublicAddresses

RUNBOOKS = "public/ttscope/runbooks"
"""The path in Grafana at which compose.yaml mounts alerting/runbooks."""


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
    """Returns the address of an alert's runbook."""
    return f"{addresses.grafana_url}/{RUNBOOKS}/{alert}.md"
