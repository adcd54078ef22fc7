"""The questions of alerts, in PromQL, by the names of otel/contract/promql.py."""

from __future__ import annotations

from collections.abc import Iterable

from otel.contract.instrument import Instrument
from otel.contract.promql import Label, Metric, Where, label_names, matchers, name


def series(metric: Metric, where: Where | None = None, part: str = "") -> str:
    """A selector. Raises ValueError for what the contract does not have."""
    matched = ",".join(matchers(metric, where))
    return name(metric, part) + (f"{{{matched}}}" if matched else "")


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


def risen(gauge: Metric, over: str, by: Iterable[Label]) -> str:
    """The gauge, where it is more than it was then; one that began meanwhile, where it is more than 0."""
    now, before = largest(gauge, None, by), f"{_over('max', gauge, by)}({series(gauge)} offset {over})"
    return f"{now} > ({before} or {now} * 0)"


def quantile(share: float, metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = ()) -> str:
    """The value that a share of what a histogram saw stays below."""
    buckets = f"rate({series(metric, where, '_bucket')}[{over}])"
    return f"histogram_quantile({share:g}, {_over('sum', metric, (*by, 'le'))}({buckets}))"


def bound(metric: Instrument, value: float) -> dict[Label, str | tuple[str, ...] | None]:
    """The bucket up to ``value``, however it is written: 1 by OTLP, 1.0 by a scrape."""
    if value not in metric.buckets:
        raise ValueError(f"{metric.name} has no bucket up to {value:g}")
    short = f"{value:g}"
    return {"le": (short, f"{short}.0") if short.isdigit() else short}


def _over(aggregation: str, metric: Metric, by: Iterable[Label]) -> str:
    names = label_names(metric, by)
    return f"{aggregation} by ({', '.join(names)}) " if names else aggregation
