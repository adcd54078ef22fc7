"""PromQL from the contract's instruments and attributes: a name that the contract does not have can't be asked for."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.variables import INSTANCE, INTERVAL, JOB, VOICE
from otel.attributes import VOICE_NAME, Attribute
from otel.instrument import Instrument


def series(instrument: Instrument, where: str = "", *, suffix: str = "") -> str:
    """The series of an instrument that the variables choose; ``where`` holds more matchers of labels."""
    matchers = [f'{JOB.label}=~"${JOB.name}"', f'{INSTANCE.label}=~"${INSTANCE.name}"']
    if VOICE_NAME in instrument.attributes:
        matchers.append(f'{VOICE.label}=~"${VOICE.name}"')
    if where:
        matchers.append(where)
    return f"{instrument.prometheus_name}{suffix}{{{', '.join(matchers)}}}"


def total(value: str, by: Iterable[Attribute] = ()) -> str:
    """The sum over everything but some labels."""
    return f"sum{_by(by)} ({value})"


def rate(counter: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """How often a second."""
    return total(f"rate({series(counter, where)}[{INTERVAL}])", by)


def buckets(histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """How many readings a second are at most le, by le."""
    names = ", ".join(("le", *(attribute.name for attribute in by)))
    return f"sum by ({names}) (rate({series(histogram, where, suffix='_bucket')}[{INTERVAL}]))"


def quantile(share: float, histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """What a share of the readings is below, by the histogram's buckets."""
    return f"histogram_quantile({share}, {buckets(histogram, by, where)})"


def mean(histogram: Instrument, by: Iterable[Attribute] = (), where: str = "") -> str:
    """The mean reading; nothing while there are none."""
    by = tuple(by)
    sums, counts = (
        total(f"rate({series(histogram, where, suffix=suffix)}[{INTERVAL}])", by) for suffix in ("_sum", "_count")
    )
    return f"{sums} / ({counts} > 0)"


def _by(attributes: Iterable[Attribute]) -> str:
    names = ", ".join(attribute.name for attribute in attributes)
    return f" by ({names})" if names else ""
