"""PromQL from the contract's instruments and attributes: a name that the contract does not have can't be asked for."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.variables import INSTANCE, INTERVAL, JOB, VOICE, Variable
from otel.attributes import VOICE_NAME, Attribute
from otel.instrument import Instrument
from otel.instruments import CONTRACT
from otel.library_metrics import LibraryMetric

OF_THE_DRIFT_JOB = frozenset(instrument for instrument in CONTRACT if instrument.name.startswith("tts.drift."))
"""They come from another program than the servers that can be chosen."""


def series(instrument: Instrument, where: str = "", *, suffix: str = "") -> str:
    """The series of an instrument that the variables choose; ``where`` holds more matchers of labels."""
    matchers = [] if instrument in OF_THE_DRIFT_JOB else [_chosen(JOB), _chosen(INSTANCE)]
    if VOICE_NAME in instrument.attributes:
        matchers.append(_chosen(VOICE))
    if where:
        matchers.append(where)
    return f"{instrument.prometheus_name}{suffix}{{{', '.join(matchers)}}}"


def library(metric: LibraryMetric, where: str = "") -> str:
    """The series of a metric that a library in the server makes."""
    return f"{metric.prometheus_name}{{{', '.join(filter(None, (_chosen(JOB), _chosen(INSTANCE), where)))}}}"


def total(value: str, by: Iterable[Attribute] = ()) -> str:
    """The sum over everything but some labels."""
    return f"sum{_by(by)} ({value})"


def now(gauge: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """The value of a gauge, of all chosen servers together."""
    return total(series(gauge, where), by)


def largest(gauge: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """The value of a gauge where it is largest."""
    return f"max{_by(by)} ({series(gauge, where)})"


def rate(counter: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """How often a second; of a histogram, how many readings."""
    suffix = "_count" if counter.kind == "histogram" else ""
    return total(f"rate({series(counter, where, suffix=suffix)}[{INTERVAL}])", by)


def seen(counter: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """How often a second, of what happens at all: labels whose values are known beforehand begin with 0."""
    return f"{rate(counter, by, where)} > 0"


def sums(histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """By how much the sum of the readings grows a second."""
    return total(f"rate({series(histogram, where, suffix='_sum')}[{INTERVAL}])", by)


def increase(counter: Instrument, over: str, by: Iterable[Attribute] = (), where: str = "", *, suffix: str = "") -> str:
    """How much it grew over a time."""
    return total(f"increase({series(counter, where, suffix=suffix)}[{over}])", by)


def share(part: str, whole: str) -> str:
    """A part of a whole, 0 to 1; nothing while the whole is nothing, and 0 where there is no such part yet."""
    return f"({part} or {whole} * 0) / ({whole} > 0)"


def buckets(histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """How many readings a second are at most le, by le."""
    names = ", ".join(("le", *(attribute.name for attribute in by)))
    return f"sum by ({names}) (rate({series(histogram, where, suffix='_bucket')}[{INTERVAL}]))"


def at_most(histogram: Instrument, bound: float) -> str:
    """How many readings a second are at most one of the histogram's bounds. ValueError if it is none."""
    if bound not in histogram.buckets:
        raise ValueError(f"{histogram.name}: {bound} is not among its buckets")
    written = f"{bound:g}".replace(".", r"\\.")
    fraction = r"(\\.0)?" if float(bound).is_integer() else ""  # 1 by OTLP, 1.0 when it is scraped
    matcher = f'le=~"{written}{fraction}"'
    return total(f"rate({series(histogram, matcher, suffix='_bucket')}[{INTERVAL}])")


def quantile(share: float, histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """What a share of the readings is below, by the histogram's buckets."""
    return f"histogram_quantile({share}, {buckets(histogram, by, where)})"


def mean(histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """The mean reading; nothing while there are none."""
    by = tuple(by)
    return f"{sums(histogram, by, where)} / ({rate(histogram, by, where)} > 0)"


def equals(attribute: Attribute, *values: str) -> str:
    """The matcher of a label that has one of some values. ValueError if the contract does not have them."""
    if isinstance(attribute.values, tuple) and not {*values} <= {*attribute.values}:
        raise ValueError(f"{attribute.name}: of {values}, the contract has only some")
    pattern = "|".join(value.replace("+", r"\\+") for value in values)
    return f'{attribute.name}="{values[0]}"' if len(values) == 1 else f'{attribute.name}=~"{pattern}"'


def _chosen(variable: Variable) -> str:
    return f'{variable.label}=~"${variable.name}"'


def _by(attributes: Iterable[Attribute]) -> str:
    names = ", ".join(attribute.name for attribute in attributes)
    return f" by ({names})" if names else ""
