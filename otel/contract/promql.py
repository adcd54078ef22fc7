"""What PromQL can name: a metric, a label or a value that the contract does not have can't be asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from otel.contract.instrument import Instrument
from otel.contract.labels import Attribute
from otel.contract.libraries import LibraryMetric
from otel.contract.pipeline import PipelineMetric

INSTANCE, JOB = "instance", "job"
"""What Prometheus makes of service.instance.id and service.name."""
TARGET_LABELS = {INSTANCE, JOB}

Metric = Instrument | LibraryMetric | PipelineMetric
Label = Attribute | str
"""An attribute of the contract; or, by its name, one of another program's metric or of the target."""
Where = Mapping[Label, str | tuple[str, ...] | None]
"""The values that labels must have; None for any but the empty one."""
PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def name(metric: Metric, part: str = "") -> str:
    """The name of its series, or of a histogram's. Raises ValueError for a part that it does not have."""
    if part not in PARTS[metric.kind]:
        raise ValueError(f"{metric.prometheus_name} is a {metric.kind} and has no {part or 'value of its own'}")
    return f"{metric.prometheus_name}{part}"


def matchers(metric: Metric, where: Where | None) -> list[str]:
    """What a selector has in its braces. Raises ValueError for a label or a value that the metric does not have."""
    return [_matcher(metric, label, value) for label, value in (where or {}).items()]


def label_names(metric: Metric, by: Iterable[Label]) -> list[str]:
    """Of labels that are asked for. Raises ValueError for one that the metric does not have."""
    return [_label_name(metric, label) for label in by]


def labels(metric: Metric) -> set[str]:
    """The names of all labels that its series have."""
    own = {a.name if isinstance(a, Attribute) else a.replace(".", "_") for a in metric.attributes}
    return own | TARGET_LABELS | ({"le"} if metric.kind == "histogram" else set())


def _matcher(metric: Metric, label: Label, value: str | tuple[str, ...] | None) -> str:
    name = _label_name(metric, label)
    if value is None:
        return f'{name}!=""'
    values = (value,) if isinstance(value, str) else value
    if isinstance(label, Attribute) and isinstance(label.values, tuple) and (bad := set(values) - set(label.values)):
        raise ValueError(f"{metric.prometheus_name} has no {name} {', '.join(sorted(bad))}")
    if len(values) == 1:
        return f'{name}="{values[0]}"'
    pattern = "|".join(re.escape(one).replace("\\-", "-") for one in values).replace("\\", "\\\\")
    return f'{name}=~"{pattern}"'


def _label_name(metric: Metric, label: Label) -> str:
    name = label.name if isinstance(label, Attribute) else label
    if name not in labels(metric):
        raise ValueError(f"{metric.prometheus_name} has no label {name}")
    return name
