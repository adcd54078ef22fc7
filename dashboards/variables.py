"""What a person chooses above a dashboard; panels name these in their queries as $job, $instance and $voice."""

from __future__ import annotations

from dataclasses import dataclass

from otel.attributes import VOICE_NAME
from otel.instruments import REQUESTS

ALL = ".*"


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
