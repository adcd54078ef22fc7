"""Builds PromQL from the contract: a query can't name a metric, label or value that the contract does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from otel.contract.instrument import Instrument
from otel.contract.labels import Attribute
from otel.contract.libraries import LibraryMetric
from otel.contract.pipeline import PipelineMetric

INSTANCE, JOB = "instance", "job"
"""What Prometheus makes of service.instance.id and service.name."""
TARGET_LABELS = {INSTANCE, JOB}

Metric = Instrument | LibraryMetric | PipelineMetric
Label = Attribute | str
"""An attribute of the contract; or, by its name, a label of another program's metric or of the target."""
Where = Mapping[Label, str | tuple[str, ...] | None]
"""The values that labels must have; None stands for any value but the empty one."""
Scope = Callable[[Metric], Sequence[str]]
"""The matchers that every selector of a metric begins with."""
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
BUCKET, BOUND = "_bucket", "le"
"""The suffix of a classic histogram's buckets, and the label of their upper bounds."""


def _unscoped(metric: Metric) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromQL:
    """Builds queries whose selectors begin with the matchers of one scope.

    Every method raises ValueError for a label, a value or a suffix that the metric does not have. In all of them ``by``
    are the labels that are kept, ``where`` the values that labels must have, and ``over`` is the length of the window.
    """

    scope: Scope = _unscoped
    over: str = ""
    """The window where a call names none."""
    spaced: bool = False
    """Whether there are spaces after commas and before brackets, and braces without matchers, as in Grafana's files."""

    def series(self, metric: Metric, *, where: Where | None = None, suffix: str = "") -> str:
        """A selector of the metric, or of one series of a classic histogram: ``_bucket``, ``_count`` or ``_sum``."""
        return self._selector(name(metric, suffix), metric, where)

    def total(self, metric: Metric, *, by: Iterable[Label] = (), where: Where | None = None) -> str:
        """The sum of the series' values."""
        return self._aggregate("sum", metric, by, self.series(metric, where=where))

    def recent(self, gauge: Metric, *, by: Iterable[Label] = (), over: str) -> str:
        """The sum of the series' means within ``over``, without series that ended before it.

        A sample by OTLP has no end mark, so ``total`` counts the last value of a process that is gone for five minutes.
        """
        return self._aggregate("sum", gauge, by, f"avg_over_time({self.series(gauge)}[{over}])")

    def largest(self, metric: Metric, *, by: Iterable[Label] = (), where: Where | None = None, over: str = "") -> str:
        """The largest of the series' values now, or within ``over``."""
        series = self.series(metric, where=where)
        return self._aggregate("max", metric, by, f"max_over_time({series}[{over}])" if over else series)

    def smallest(self, metric: Metric, *, by: Iterable[Label] = (), where: Where | None = None) -> str:
        """The smallest of the series' values now."""
        return self._aggregate("min", metric, by, self.series(metric, where=where))

    def rate(
        self,
        metric: Metric,
        *,
        by: Iterable[Label] = (),
        where: Where | None = None,
        over: str = "",
        suffix: str = "",
    ) -> str:
        """The increase per second; of a histogram, by default, of the number of its readings."""
        return self._aggregate("sum", metric, by, f"rate({self._window(metric, where, over, suffix)})")

    def increase(
        self,
        metric: Metric,
        *,
        by: Iterable[Label] = (),
        where: Where | None = None,
        over: str = "",
        suffix: str = "",
    ) -> str:
        """The increase within the window; of a histogram, by default, of the number of its readings."""
        return self._aggregate("sum", metric, by, f"increase({self._window(metric, where, over, suffix)})")

    def positive_rate(
        self, counter: Metric, *, by: Iterable[Label] = (), where: Where | None = None, over: str = ""
    ) -> str:
        """The rates above 0: counters whose labels are known beforehand begin at 0 for each of their values."""
        return f"{self.rate(counter, by=by, where=where, over=over)} > 0"

    def distribution(
        self, histogram: Metric, *, by: Iterable[Label] = (), where: Where | None = None, over: str = ""
    ) -> str:
        """The readings per second as a native histogram: the number in each of its buckets."""
        series = self._selector(native_name(histogram), histogram, where)
        return self._aggregate("sum", histogram, by, f"rate({series}[{self._over(histogram, over)}])")

    def quantile(
        self,
        share: float,
        histogram: Metric,
        *,
        by: Iterable[Label] = (),
        where: Where | None = None,
        over: str = "",
    ) -> str:
        """The value that a share of the readings does not exceed; off by 4.4 % at most, a native bucket's width."""
        return f"histogram_quantile({share:g}, {self.distribution(histogram, by=by, where=where, over=over)})"

    def mean(self, histogram: Metric, *, by: Iterable[Label] = (), where: Where | None = None, over: str = "") -> str:
        """The mean reading; no value while there are no readings.

        It is the native histogram's. rate() of ``_sum`` and of ``_count`` estimates, each for itself, what was before a
        new series' first sample, so their quotient was 14 % too high on a server that had just started. The comparison
        removes NaN, the mean of no readings.
        """
        return f"histogram_avg({self.distribution(histogram, by=by, where=where, over=over)}) >= 0"

    def growth(self, counter: Metric, *, by: Iterable[Label] = (), where: Where | None = None, over: str) -> str:
        """The growth of the counter; a series that began within the window counts, which increase() misses."""
        by = tuple(by)
        current = self.total(counter, by=by, where=where)
        before = self._aggregate("sum", counter, by, f"{self.series(counter, where=where)} offset {over}")
        return f"{current} - ({before} or {current} * 0)"

    def rise(self, gauge: Metric, *, by: Iterable[Label] = (), over: str) -> str:
        """The gauge where it is larger than it was ``over`` ago; a new series counts from 0."""
        by = tuple(by)
        current = self.largest(gauge, by=by)
        before = self._aggregate("max", gauge, by, f"{self.series(gauge)} offset {over}")
        return f"{current} > ({before} or {current} * 0)"

    def count(self, counter: Metric, *, where: Where | None = None, over: str, suffix: str = "") -> str:
        """The number counted within the window by all processes that ran in it, also in series that began in it.

        It is not increase(): a series begins with its first event, so increase() does not see the first failure of a
        kind. Every process has series of its own, which only grow; only what a scraped server counted before it was
        restarted within the window can be missed.
        """
        series = self.series(counter, where=where, suffix=suffix)
        peak = f"max_over_time({series}[{over}])"
        return self._aggregate("sum", counter, (), f"({peak} - {series} offset {over}) or {peak}")

    def _selector(self, name: str, metric: Metric, where: Where | None) -> str:
        if BOUND in (where or {}) and not name.endswith(BUCKET):
            raise ValueError(f"{name} has no label {BOUND}")
        inside = (", " if self.spaced else ",").join([*self.scope(metric), *matchers(metric, where)])
        return name + (f"{{{inside}}}" if inside or self.spaced else "")

    def _window(self, metric: Metric, where: Where | None, over: str, suffix: str) -> str:
        suffix = suffix or ("_count" if metric.kind == "histogram" else "")
        return f"{self.series(metric, where=where, suffix=suffix)}[{self._over(metric, over)}]"

    def _over(self, metric: Metric, over: str) -> str:
        if not (over := over or self.over):
            raise ValueError(f"{metric.prometheus_name} is asked for without a window")
        return over

    def _aggregate(self, aggregation: str, metric: Metric, by: Iterable[Label], value: str) -> str:
        names = ", ".join(label_names(metric, by))
        if names:
            return f"{aggregation} by ({names}) ({value})"
        return f"{aggregation} ({value})" if self.spaced else f"{aggregation}({value})"


UNSCOPED = PromQL()
"""Queries of every server."""


def ratio(amount: str, total: str) -> str:
    """The amount as a share of the total, 0 to 1; no value while the total is 0; 0 where the amount has no series."""
    return f"({amount} or {total} * 0) / ({total} > 0)"


def at_most(histogram: Instrument, value: float) -> dict[Label, str | tuple[str, ...] | None]:
    """The matcher of the readings that are at most ``value``, however the bound is written: 1 by OTLP, 1.0 by a scrape.

    Raises ValueError if it is not one of the histogram's bounds.
    """
    if value not in histogram.buckets:
        bounds = ", ".join(f"{bound:g}" for bound in histogram.buckets)
        raise ValueError(f"{histogram.name} has no bucket up to {value:g}; its buckets end at {bounds}")
    short = f"{value:g}"
    return {BOUND: (short, f"{short}.0") if short.isdigit() else short}


def name(metric: Metric, suffix: str = "") -> str:
    """The name of the metric's series. Raises ValueError for a suffix that the metric does not have."""
    if suffix not in SUFFIXES[metric.kind]:
        raise ValueError(f"{metric.prometheus_name} is a {metric.kind} and has no {suffix or 'value of its own'}")
    return f"{metric.prometheus_name}{suffix}"


def native_name(histogram: Metric) -> str:
    """The name of the native histogram, which lies beside the classic one's series.

    Raises ValueError for other metrics, and for the histograms of libraries, which are only classic.
    """
    if histogram.kind != "histogram" or not isinstance(histogram, Instrument):
        raise ValueError(f"{histogram.prometheus_name} is no native histogram")
    return histogram.prometheus_name


def matchers(metric: Metric, where: Where | None) -> list[str]:
    """The matchers of a selector. Raises ValueError for a label or a value that the metric does not have."""
    return [_matcher(metric, label, value) for label, value in (where or {}).items()]


def label_names(metric: Metric, by: Iterable[Label]) -> list[str]:
    """The names of labels. Raises ValueError for one that the metric does not have."""
    return [_label_name(metric, label) for label in by]


def labels(metric: Metric) -> set[str]:
    """The names of all labels of the metric's series."""
    own = {a.prometheus_name if isinstance(a, Attribute) else a.replace(".", "_") for a in metric.attributes}
    return own | TARGET_LABELS | ({BOUND} if metric.kind == "histogram" else set())


def _matcher(metric: Metric, label: Label, value: str | tuple[str, ...] | None) -> str:
    name = _label_name(metric, label)
    if value is None:
        return f'{name}!=""'
    values = (value,) if isinstance(value, str) else value
    if isinstance(label, Attribute) and isinstance(label.values, tuple) and (bad := set(values) - set(label.values)):
        raise ValueError(f"{metric.prometheus_name} has no {name} {', '.join(sorted(bad))}")
    if len(values) == 1:
        return f'{name}="{values[0]}"'
    pattern = "|".join(re.escape(value).replace("\\-", "-") for value in values).replace("\\", "\\\\")
    return f'{name}=~"{pattern}"'


def _label_name(metric: Metric, label: Label) -> str:
    name = label.prometheus_name if isinstance(label, Attribute) else label
    if name not in labels(metric):
        raise ValueError(f"{metric.prometheus_name} has no label {name}")
    return name
