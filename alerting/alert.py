"""The data of an alert, from which rules, routes, tests and the table in README.md are generated or checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from otel.support.addresses import PublicAddresses

DURATION = re.compile(r"\d+[smhd]")
RUNBOOKS = "public/ttscope/runbooks"
"""The path in Grafana at which compose.yaml mounts alerting/runbooks."""


class Severity(StrEnum):
    """The urgency of an alert: how soon a person must react."""

    CRITICAL = "critical"
    """Now: users are affected, or it is unknown whether they are."""
    WARNING = "warning"
    """During working hours."""
    NONE = "none"
    """Never: it only shows that alerts are delivered."""


class Team(StrEnum):
    """The people who react to an alert."""

    SERVICE = "service"
    """The people who run the server."""
    PLATFORM = "platform"
    """The people who run the machines and the telemetry pipeline."""
    QUALITY = "quality"
    """The people responsible for voices and their use."""


class Topic(StrEnum):
    """The subject of an alert. A critical alert silences warnings with the same topic and labels."""

    AVAILABILITY = "availability"
    LATENCY = "latency"
    PROVIDER = "provider"
    CAPACITY = "capacity"
    MACHINE = "machine"
    AUDIO = "audio"
    DRIFT = "drift"
    USAGE = "usage"
    SECURITY = "security"
    """Keys: who is let in, and who is not."""
    AUDIT = "audit"
    """Whether the audit log is written, and whole."""
    SERVER = "server"
    """Whether a server is up. While none is, all topics above except drift, security and audit are silenced."""
    PIPELINE = "pipeline"
    """Whether telemetry arrives. While it does not, all topics above are silenced."""


class Dashboard(StrEnum):
    """Grafana's dashboards, by their uid."""

    SERVICE = "ttscope-service"
    WORDS = "ttscope-words"
    ENGINE = "ttscope-engine"
    QUALITY = "ttscope-quality"
    USAGE = "ttscope-usage"
    COST = "ttscope-cost"
    SECURITY = "ttscope-security"
    PIPELINE = "ttscope-pipeline"
    PREDICTION = "ttscope-prediction"

    def url(self, addresses: PublicAddresses) -> str:
        return f"{addresses.grafana_url}/d/{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule. Several may share a name and a runbook, if their severity or ``labels`` differ."""

    name: str
    expr: str
    hold: str
    """The time for which the expression must be true without interruption; 0s to fire at once."""
    severity: Severity
    team: Team
    topic: Topic
    summary: str
    """What has happened: the subject of a message. It may contain labels of the series, but no value."""
    description: str
    """The value and the limit, which show the severity."""
    dashboard: Dashboard
    keep: str = "0s"
    """The time for which it keeps firing after its end, so that an intermittent fault is one alert."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch("Tts[A-Z][A-Za-z]+", self.name):
            raise ValueError(f"{self.name}: an alert's name must look like TtsSomething")
        for duration in (self.hold, self.keep):
            if not DURATION.fullmatch(duration):
                raise ValueError(f"{self.name}: {duration} is not a duration such as 5m")

    @property
    def all_labels(self) -> dict[str, str]:
        return {"severity": self.severity, "team": self.team, "topic": self.topic, **self.labels}

    def annotations(self, addresses: PublicAddresses) -> dict[str, str]:
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": runbook(self.name, addresses),
            "dashboard_url": self.dashboard.url(addresses),
        }


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule: level:metric:operations."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated in order, in a separate file rules/NAME.yml."""

    name: str
    about: str
    alerts: tuple[Alert, ...]
    recordings: tuple[Recording, ...] = ()
    interval: str = ""
    """The evaluation interval; Prometheus' default if empty."""


def runbook(alert: str, addresses: PublicAddresses) -> str:
    """Returns the address of an alert's runbook."""
    return f"{addresses.grafana_url}/{RUNBOOKS}/{alert}.md"
