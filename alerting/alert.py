"""What an alert is: the data that rules, routes, runbooks, tests and the table are held against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alerting.links import Dashboard, runbook
from otel.support.addresses import PublicAddresses

DURATION = re.compile(r"\d+[smhd]")


class Severity(StrEnum):
    """How soon somebody has to look."""

    CRITICAL = "critical"
    """Now: listeners notice, or nobody could tell whether they do."""
    WARNING = "warning"
    """In working hours."""
    NONE = "none"
    """Never: it only shows that alerts arrive."""


class Team(StrEnum):
    """Who looks."""

    SERVICE = "service"
    """Whoever runs the speaking server."""
    PLATFORM = "platform"
    """Whoever runs machines and the pipeline."""
    QUALITY = "quality"
    """Whoever answers for voices and for what is said with them."""


class Topic(StrEnum):
    """What an alert is about: a critical alert silences warnings of the same topic and the same labels."""

    AVAILABILITY = "availability"
    LATENCY = "latency"
    PROVIDER = "provider"
    CAPACITY = "capacity"
    MACHINE = "machine"
    AUDIO = "audio"
    DRIFT = "drift"
    USAGE = "usage"
    SERVER = "server"
    """Whether there is one; while there is none, all of the above is silenced but drift."""
    PIPELINE = "pipeline"
    """Whether anything can be known; while not, all of the above is silenced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule. Several may share a name and a runbook, if their severity or ``labels`` differ."""

    name: str
    expr: str
    hold: str
    """How long the expression must be true without a break; 0s for at once."""
    severity: Severity
    team: Team
    topic: Topic
    summary: str
    """What has happened; labels of the series may stand in it, no value: it is the subject of a message."""
    description: str
    """With the value: how bad it is, and against what."""
    dashboard: Dashboard
    keep: str = "0s"
    """How long it goes on firing after its end, so that one that comes and goes is one alert."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch("Tts[A-Z][A-Za-z]+", self.name):
            raise ValueError(f"{self.name}: an alert is called TtsSomething")
        for duration in (self.hold, self.keep):
            if not DURATION.fullmatch(duration):
                raise ValueError(f"{self.name}: {duration} is no duration such as 5m")

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
    """Rules that are evaluated one after the other, in a file of their own: rules/NAME.yml."""

    name: str
    about: str
    alerts: tuple[Alert, ...]
    recordings: tuple[Recording, ...] = ()
    interval: str = ""
    """How often; Prometheus' own interval if there is none."""
