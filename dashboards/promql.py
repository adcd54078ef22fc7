"""The questions of panels, in PromQL, by the contract's names, to the servers that the variables choose."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards import variables
from dashboards.variables import INTERVAL, VOICE, Variable
from otel.contract.instrument import Instrument
from otel.contract.labels import VOICE_NAME
from otel.contract.metrics import CONTRACT
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import JOB, Label, Metric, Where, label_names, matchers, name

OF_THE_DRIFT_JOB = frozenset(instrument for instrument in CONTRACT if instrument.name.startswith("tts.drift."))
"""They come from another program than the servers that can be chosen."""


def series(metric: Metric, where: Where | None = None, part: str = "") -> str:
    """The series that the variables choose; of a metric of the pipeline, those of its job. ValueError for what the
    contract does not have."""
    return _selector(metric, matchers(metric, where), part)


def now(gauge: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """The value of a gauge, of all chosen servers together."""
    return _over("sum", gauge, by, series(gauge, where))


def largest(gauge: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """The value of a gauge where it is largest."""
    return _over("max", gauge, by, series(gauge, where))


def smallest(gauge: Metric, by: Iterable[Label] = ()) -> str:
    """The value of a gauge where it is smallest."""
    return _over("min", gauge, by, series(gauge))


def rate(counter: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """How often a second; of a histogram, how many readings."""
    part = "_count" if counter.kind == "histogram" else ""
    return _over("sum", counter, by, f"rate({series(counter, where, part)}[{INTERVAL}])")


def seen(counter: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """How often a second, of what happens at all: labels whose values are known beforehand begin with 0."""
    return f"{rate(counter, by, where)} > 0"


def sums(histogram: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """By how much the sum of the readings grows a second."""
    return _over("sum", histogram, by, f"rate({series(histogram, where, '_sum')}[{INTERVAL}])")


def increase(counter: Metric, over: str, by: Iterable[Label] = (), where: Where | None = None, part: str = "") -> str:
    """How much it grew over a time."""
    return _over("sum", counter, by, f"increase({series(counter, where, part)}[{over}])")


def share(part: str, whole: str) -> str:
    """A part of a whole, 0 to 1; nothing while the whole is nothing, and 0 where there is no such part yet."""
    return f"({part} or {whole} * 0) / ({whole} > 0)"


def buckets(histogram: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """How many readings a second are at most le, by le."""
    return _over("sum", histogram, ("le", *by), f"rate({series(histogram, where, '_bucket')}[{INTERVAL}])")


def at_most(histogram: Instrument, bound: float) -> str:
    """How many readings a second are at most one of the histogram's bounds. ValueError if it is none."""
    if bound not in histogram.buckets:
        raise ValueError(f"{histogram.name}: {bound} is not among its buckets")
    written = f"{bound:g}".replace(".", r"\\.")
    fraction = r"(\\.0)?" if float(bound).is_integer() else ""  # 1 by OTLP, 1.0 when it is scraped
    selector = _selector(histogram, [f'le=~"{written}{fraction}"'], "_bucket")
    return _over("sum", histogram, (), f"rate({selector}[{INTERVAL}])")


def quantile(share: float, histogram: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """What a share of the readings is below, by the histogram's buckets."""
    return f"histogram_quantile({share}, {buckets(histogram, by, where)})"


def mean(histogram: Metric, by: Iterable[Label] = (), where: Where | None = None) -> str:
    """The mean reading; nothing while there are none."""
    by = tuple(by)
    return f"{sums(histogram, by, where)} / ({rate(histogram, by, where)} > 0)"


def _selector(metric: Metric, matched: list[str], part: str) -> str:
    return f"{name(metric, part)}{{{', '.join([*_chosen(metric), *matched])}}}"


def _chosen(metric: Metric) -> list[str]:
    """What every selector of a metric asks for."""
    if isinstance(metric, PipelineMetric):
        return matchers(metric, {JOB: metric.job})
    servers = () if metric in OF_THE_DRIFT_JOB else (variables.JOB, variables.INSTANCE)
    return [_is(variable) for variable in (*servers, *((VOICE,) if VOICE_NAME in metric.attributes else ()))]


def _is(variable: Variable) -> str:
    return f'{variable.label}=~"${variable.name}"'


def _over(aggregation: str, metric: Metric, by: Iterable[Label], value: str) -> str:
    names = ", ".join(label_names(metric, by))
    return f"{aggregation} by ({names}) ({value})" if names else f"{aggregation} ({value})"
