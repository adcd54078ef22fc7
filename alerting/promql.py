"""PromQL from the contract: a metric, a label or a value that it does not have can't be asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from otel.attributes import Attribute
from otel.instrument import Instrument
from otel.library_metrics import LibraryMetric

INSTANCE, JOB = "instance", "job"
"""What Prometheus makes of service.instance.id and service.name."""
TARGET_LABELS = {INSTANCE, JOB}

Metric = Instrument | LibraryMetric
Label = Attribute | str
"""An attribute of the contract; or, by its name, one of a library's metric or of the target."""
Where = Mapping[Label, str | tuple[str, ...] | None]
"""The values that labels must have; None for any but the empty one."""
UP = LibraryMetric("up", "gauge", "{target}", "Prometheus' own: 1 if the last scrape of the target went well.")
PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def series(metric: Metric, where: Where | None = None, part: str = "") -> str:
    """A selector. Raises ValueError for what the contract does not have."""
    if part not in PARTS[metric.kind]:
        raise ValueError(f"{metric.name} is a {metric.kind} and has no {part or 'value of its own'}")
    matchers = ",".join(_matcher(metric, label, value) for label, value in (where or {}).items())
    return f"{metric.prometheus_name}{part}" + (f"{{{matchers}}}" if matchers else "")


def total(metric: Metric, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """Added up over all labels but ``by``."""
    return f"{_over('sum', metric, by)}({series(metric, where, part)})"


def largest(metric: Metric, where: Where | None = None, by: Iterable[Label] = (), over: str = "") -> str:
    """The largest over all labels but ``by``; and of all that time, if one is given."""
    one = series(metric, where)
    return f"{_over('max', metric, by)}({f'max_over_time({one}[{over}])' if over else one})"


def rate(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """How often a second, added up over all labels but ``by``."""
    return f"{_over('sum', metric, by)}(rate({series(metric, where, part)}[{over}]))"


def increase(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """How many in that time, added up over all labels but ``by``."""
    return f"{_over('sum', metric, by)}(increase({series(metric, where, part)}[{over}]))"


def grown(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = ()) -> str:
    """By how much a counter has grown; also one that began meanwhile, whose first value increase() misses."""
    now = total(metric, where, by)
    before = f"{_over('sum', metric, by)}({series(metric, where)} offset {over})"
    return f"{now} - ({before} or {now} * 0)"


def quantile(share: float, metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = ()) -> str:
    """The value that a share of what a histogram saw stays below."""
    buckets = f"rate({series(metric, where, '_bucket')}[{over}])"
    return f"histogram_quantile({share:g}, {_over('sum', metric, by, 'le')}({buckets}))"


def bound(metric: Instrument, value: float) -> dict[Label, str | tuple[str, ...] | None]:
    """The bucket up to ``value``, however it is written: 1 by OTLP, 1.0 by a scrape."""
    if value not in metric.buckets:
        raise ValueError(f"{metric.name} has no bucket up to {value:g}")
    short = f"{value:g}"
    return {"le": (short, f"{short}.0") if short.isdigit() else short}


def labels(metric: Metric) -> set[str]:
    """The names of all labels that its series have."""
    own = {a.name if isinstance(a, Attribute) else a.replace(".", "_") for a in metric.attributes}
    return own | TARGET_LABELS | ({"le"} if metric.kind == "histogram" else set())


def _over(aggregation: str, metric: Metric, by: Iterable[Label], *more: str) -> str:
    names = [_name(metric, label) for label in by] + list(more)
    return f"{aggregation} by ({', '.join(names)}) " if names else aggregation


def _matcher(metric: Metric, label: Label, value: str | tuple[str, ...] | None) -> str:
    if value is None:
        return f'{_name(metric, label)}!=""'
    values = (value,) if isinstance(value, str) else value
    if isinstance(label, Attribute) and isinstance(label.values, tuple) and (bad := set(values) - set(label.values)):
        raise ValueError(f"{metric.name} has no {label.name} {', '.join(sorted(bad))}")
    name = _name(metric, label)
    if isinstance(value, str):
        return f'{name}="{value}"'
    pattern = "|".join(re.escape(one).replace("\\-", "-") for one in values).replace("\\", "\\\\")
    return f'{name}=~"{pattern}"'


def _name(metric: Metric, label: Label) -> str:
    name = label.name if isinstance(label, Attribute) else label
    if name not in labels(metric):
        raise ValueError(f"{metric.name} has no label {name}")
    return name
