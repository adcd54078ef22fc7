"""What a person chooses above a dashboard; panels name these in their queries as $job, $instance and $voice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from otel.contract.labels import VOICE_NAME
from otel.contract.metrics import REQUESTS

ALL = ".*"
INTERVAL = "$__rate_interval"
"""Long enough for a rate: Grafana makes it four times the scrape interval at least."""
SPAN = "$__range"
"""All the time that the dashboard shows."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice: any number of the values that a label has; all, when nothing is chosen."""

    name: str
    title: str
    label: str
    metric: str


JOB = Variable("job", "Job", "job", REQUESTS.prometheus_name)
INSTANCE = Variable("instance", "Instance", "instance", REQUESTS.prometheus_name)
VOICE = Variable("voice", "Voice", VOICE_NAME.name, REQUESTS.prometheus_name)
VARIABLES = (JOB, INSTANCE, VOICE)


def fill(question: str, *, interval: str, span: str, chosen: Mapping[str, str] | None = None) -> str:
    """A query as Prometheus or Tempo takes it.

    interval, span: durations such as 5m.
    chosen: regular expressions by the variables' names; ALL for what it does not name.
    """
    values = {variable.name: ALL for variable in VARIABLES} | dict(chosen or {})
    quoted = {f"${name}": value.replace("\\", r"\\").replace('"', r"\"") for name, value in values.items()}
    filled = {INTERVAL: interval, SPAN: span, **quoted}
    return re.sub("|".join(map(re.escape, filled)), lambda found: filled[found[0]], question)
