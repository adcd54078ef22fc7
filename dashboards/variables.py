"""The variables above each dashboard; queries refer to them as $job, $instance and $voice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from otel.contract.labels import VOICE_NAME
from otel.contract.metrics import REQUESTS

ALL = ".*"
INTERVAL = "$__rate_interval"
"""The window of a rate: in Grafana at least four times the scrape interval."""
SPAN = "$__range"
"""The time range of the dashboard."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A selection of any number of a label's values; none selected means all."""

    name: str
    title: str
    label: str
    metric: str


JOB = Variable("job", "Job", "job", REQUESTS.prometheus_name)
INSTANCE = Variable("instance", "Instance", "instance", REQUESTS.prometheus_name)
VOICE = Variable("voice", "Voice", VOICE_NAME.name, REQUESTS.prometheus_name)
VARIABLES = (JOB, INSTANCE, VOICE)


def fill(query: str, *, interval: str, span: str, variables: Mapping[str, str] | None = None) -> str:
    """Returns the query with values in place of variables, as Prometheus or Tempo accepts it.

    interval, span: durations such as 5m.
    variables: regular expressions by the variables' names; variables without one match everything.
    """
    values = {variable.name: ALL for variable in VARIABLES} | dict(variables or {})
    quoted = {f"${name}": value.replace("\\", r"\\").replace('"', r"\"") for name, value in values.items()}
    filled = {INTERVAL: interval, SPAN: span, **quoted}
    return re.sub("|".join(map(re.escape, filled)), lambda match: filled[match[0]], query)
