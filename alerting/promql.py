"""Builds the queries of alerts, in PromQL, with the names of otel/contract/promql.py."""

from __future__ import annotations

from collections.abc import Iterable

from otel.contract.instrument import Instrument
from otel.contract.promql import Label, Metric, Where, label_names, matchers, name


def series(metric: Metric, where: Where | None = None, part: str = "") -> str:
    """Returns a selector. Raises ValueError for names that the contract does not have."""
    matched = ",".join(matchers(metric, where))
    return name(metric, part) + (f"{{{matched}}}" if matched else "")


def total(metric: Metric, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """Returns the sum, by the labels ``by``."""
    return f"{_over('sum', metric, by)}({series(metric, where, part)})"


def largest(metric: Metric, where: Where | None = None, by: Iterable[Label] = (), over: str = "") -> str:
    """Returns the maximum, by the labels ``by``; over the time ``over``, if given."""
    one = series(metric, where)
    return f"{_over('max', metric, by)}({f'max_over_time({one}[{over}])' if over else one})"


def rate(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """Returns the rate per second, by the labels ``by``."""
    return f"{_over('sum', metric, by)}(rate({series(metric, where, part)}[{over}]))"


def increase(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = (), part: str = "") -> str:
    """Returns the increase within a time, by the labels ``by``."""
    return f"{_over('sum', metric, by)}(increase({series(metric, where, part)}[{over}]))"


def grown(metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = ()) -> str:
    """Returns the growth of a counter, also of one that began within the time, whose first value increase() misses."""
    now = total(metric, where, by)
    before = f"{_over('sum', metric, by)}({series(metric, where)} offset {over})"
    return f"{now} - ({before} or {now} * 0)"


def risen(gauge: Metric, over: str, by: Iterable[Label]) -> str:
    """Returns a gauge where it is higher than before; one that began within the time, where it is more than 0."""
    now, before = largest(gauge, None, by), f"{_over('max', gauge, by)}({series(gauge)} offset {over})"
    return f"{now} > ({before} or {now} * 0)"


def quantile(share: float, metric: Metric, over: str, where: Where | None = None, by: Iterable[Label] = ()) -> str:
    """Returns a quantile of a histogram."""
    buckets = f"rate({series(metric, where, '_bucket')}[{over}])"
    return f"histogram_quantile({share:g}, {_over('sum', metric, (*by, 'le'))}({buckets}))"


def bound(metric: Instrument, value: float) -> dict[Label, str | tuple[str, ...] | None]:
    """Returns a matcher of the bucket up to ``value`` in both notations: 1 from OTLP, 1.0 from a scrape."""
    if value not in metric.buckets:
        raise ValueError(f"{metric.name} has no bucket up to {value:g}")
    short = f"{value:g}"
    return {"le": (short, f"{short}.0") if short.isdigit() else short}


def _over(aggregation: str, metric: Metric, by: Iterable[Label]) -> str:
    names = label_names(metric, by)
    return f"{aggregation} by ({', '.join(names)}) " if names else aggregation
