"""Alertmanager's configuration: routes, grouping, inhibitions and receivers.

An installation without secrets has the same routes and receivers, but the receivers send nothing: alerts appear only on
Alertmanager's page. Enabled receivers read their secrets from files, never from the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerting.alert import Severity, Team, Topic
from alerting.yaml_files import render

NOBODY, PAGER, HEARTBEAT = "nobody", "pager", "heartbeat"
RECEIVERS = (NOBODY, PAGER, *(team.value for team in Team), HEARTBEAT)
SEEN_BY_GRAFANA = {"source": "grafana"}
"""The label of alerts that Grafana evaluates itself."""
SLACK, WEBHOOK, PAGERDUTY, PASSWORD, HEARTBEAT_URL = (
    "slack_url",
    "webhook_url",
    "pagerduty_key",
    "smtp_password",
    "heartbeat_url",
)
"""The names of the secret files."""
OF_THE_SERVER = (
    Topic.AVAILABILITY,
    Topic.LATENCY,
    Topic.PROVIDER,
    Topic.CAPACITY,
    Topic.MACHINE,
    Topic.AUDIO,
    Topic.USAGE,
)


@dataclass(frozen=True, slots=True)
class Email:
    """The mail address and server."""

    to: str
    sender: str
    smarthost: str
    """host:port."""
    username: str = ""
    """The login, whose password is in a secret file; empty for none."""
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Switches:
    """The enabled integrations, and the path of the secrets' folder as Alertmanager sees it."""

    secrets: str = ""
    slack: bool = False
    webhook: bool = False
    pagerduty: bool = False
    heartbeat: bool = False
    email: Email | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The secret files that must exist."""
        ways = {SLACK: self.slack, WEBHOOK: self.webhook, PAGERDUTY: self.pagerduty, HEARTBEAT_URL: self.heartbeat}
        password = (PASSWORD,) if self.email and self.email.username else ()
        return (*(name for name, on in ways.items() if on), *password)


EXAMPLE = Switches(
    "/etc/alertmanager/secrets",
    slack=True,
    webhook=True,
    pagerduty=True,
    heartbeat=True,
    email=Email("operators@example.org", "ttscope@example.org", "mail.example.org:587", "ttscope"),
)


def configuration(on: Switches) -> dict[str, Any]:
    """Returns the complete configuration, as data."""
    return {
        "global": {"resolve_timeout": "5m"},
        "templates": ["templates/*.tmpl"],
        "route": ROUTE,
        "inhibit_rules": INHIBITIONS,
        "receivers": [{"name": name, **_ways(name, on)} for name in RECEIVERS],
    }


def file(on: Switches, about: str) -> str:
    """Returns the text of alertmanager.yml."""
    return render(configuration(on), about)


ROUTE: dict[str, Any] = {
    "receiver": NOBODY,
    # One message per topic, since alerts of one topic usually have one cause.
    "group_by": ["topic", "severity"],
    "group_wait": "20s",
    "group_interval": "2m",
    "repeat_interval": "4h",
    "routes": [
        {
            "receiver": HEARTBEAT,
            "matchers": [f'severity="{Severity.NONE}"'],
            "group_wait": "0s",
            "group_interval": "1m",
            "repeat_interval": "5m",
        },
        {
            "receiver": PAGER,
            "matchers": [f'severity="{Severity.CRITICAL}"'],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "1h",
            "continue": True,  # also to its team
        },
        *({"receiver": team.value, "matchers": [f'team="{team}"']} for team in Team),
    ],
}
INHIBITIONS: list[dict[str, Any]] = [
    # A critical alert silences warnings about the same object.
    {
        "source_matchers": [f'severity="{Severity.CRITICAL}"'],
        "target_matchers": [f'severity="{Severity.WARNING}"'],
        "equal": ["topic", "provider", "word_count_range", "gpu", "exporter", "job"],
    },
    {
        "source_matchers": ['alertname="TtsNoProvider"'],
        "target_matchers": [f'topic="{Topic.PROVIDER}"', f'severity="{Severity.WARNING}"'],
        "equal": ["instance"],
    },
    # Without a server, all alerts about it are out of date.
    {
        "source_matchers": ['alertname="TtsServerAbsent"'],
        "target_matchers": [f'topic=~"{"|".join(OF_THE_SERVER)}"'],
    },
    {
        "source_matchers": ['alertname="TtsServerAbsent"'],
        "target_matchers": ['alertname="TtsTelemetryStale"', 'job="ttscope"'],
    },
    # Without a Collector no metrics arrive, so neither the servers' state nor their performance is known.
    {
        "source_matchers": ['alertname="TtsCollectorAbsent"'],
        "target_matchers": ['alertname!~"TtsCollectorAbsent|TtsWatchdog|TtsTargetDown"'],
    },
    # An alert of Prometheus silences the same alert of Grafana.
    {"source_matchers": ['source=""'], "target_matchers": ['source="grafana"'], "equal": ["alertname"]},
]


def _ways(name: str, on: Switches) -> dict[str, Any]:
    """Returns the integrations of a receiver; none if all are disabled."""
    if name == NOBODY:
        return {}
    if name == HEARTBEAT:
        return {"webhook_configs": [_webhook(on, HEARTBEAT_URL, resolved=False)]} if on.heartbeat else {}
    ways: dict[str, Any] = {}
    if on.slack:
        ways["slack_configs"] = [_slack(on, f"#ttscope-{name}")]
    if name == PAGER:  # the team's receiver already sends mail and webhook
        return ways | ({"pagerduty_configs": [_pagerduty(on)]} if on.pagerduty else {})
    if on.email:
        ways["email_configs"] = [_email(on, on.email)]
    if on.webhook:
        ways["webhook_configs"] = [_webhook(on, WEBHOOK)]
    return ways


def _slack(on: Switches, channel: str) -> dict[str, Any]:
    return {
        "api_url_file": f"{on.secrets}/{SLACK}",
        "channel": channel,
        "send_resolved": True,
        "username": "ttscope",
        "color": '{{ template "ttscope.color" . }}',
        "title": '{{ template "ttscope.title" . }}',
        "title_link": '{{ template "ttscope.runbook" . }}',
        "text": '{{ template "ttscope.slack" . }}',
        "fallback": '{{ template "ttscope.title" . }}',
    }


def _email(on: Switches, email: Email) -> dict[str, Any]:
    login = {"auth_username": email.username, "auth_password_file": f"{on.secrets}/{PASSWORD}"}
    return {
        "to": email.to,
        "from": email.sender,
        "smarthost": email.smarthost,
        **(login if email.username else {}),
        "require_tls": email.tls,
        "send_resolved": True,
        "headers": {"Subject": '{{ template "ttscope.title" . }}'},
        "text": '{{ template "ttscope.text" . }}',
        "html": "",
    }


def _webhook(on: Switches, secret: str, *, resolved: bool = True) -> dict[str, Any]:
    return {"url_file": f"{on.secrets}/{secret}", "send_resolved": resolved, "max_alerts": 50}


def _pagerduty(on: Switches) -> dict[str, Any]:
    return {
        "routing_key_file": f"{on.secrets}/{PAGERDUTY}",
        "send_resolved": True,
        "description": '{{ template "ttscope.title" . }}',
        "severity": "{{ if .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}warning{{ end }}",
        "client": "ttscope",
        "details": {"what": '{{ template "ttscope.text" . }}'},
    }
