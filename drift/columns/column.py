"""A column: what is judged, how it is derived from requests, and the wording of its changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from drift.columns.reader import NOTHING, Flags, Values, Words
from drift.columns.requests import Requests
from otel.contract.drift_verdict import DriftColumn, Subject


class ValueKind(StrEnum):
    """The kind of a column's values."""

    NUMBER = "number"
    CATEGORY = "category"


class Scale(StrEnum):
    """The unit in which two values of a number are compared."""

    RATIO = "ratio"
    """Decimal logarithms: 0.3 more is twice as much. For long tails, which would otherwise dominate."""
    DIFFERENCE = "difference"
    """The value itself."""


SHARE = 0.05
"""The smallest Jensen-Shannon distance that matters: 7 in 1,000 of a new category, or 50 % that become 57 %."""
SHIFTED = "{title} have shifted ({level}{after} instead of {before})"
"""The sentence for a category without better and worse values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A quantity that is judged."""

    label: DriftColumn
    """The value of the gauges' label ``column``."""
    subject: Subject
    kind: ValueKind
    title: str
    """The column's name in a sentence."""
    unit: str = ""
    compares: str
    """What is compared, as a phrase."""
    requests: str
    """Which requests count, as a phrase."""
    applies: Callable[[Requests], Flags]
    """Returns the requests that should have a value."""
    values: Callable[[Requests], Values]
    """Returns the value of each request, in the column's unit; NaN or "" where there is none."""
    sentence: str
    """The change in words, as the middle of a sentence: a template of title, before, after, ratio, difference, louder
    and level."""
    least: float
    """The smallest change that matters: for a number in its scale's unit, for a category a Jensen-Shannon distance."""
    scale: Scale = Scale.DIFFERENCE
    softening: float = 0.0
    """The value added before the logarithm, so that differences far below it have no effect."""
    equal_length: bool = False
    """Whether a value is compared with the usual one for the text's length, the voice, and the way of answering."""
    sound: str | None = None
    """The sound category; the share of all others is how bad the column is. None when no category is better than
    another."""
    worse: int = 0
    """1 when a larger number, or more of what is not sound, is worse; 0 when a change is neither better nor worse."""
    tautologies: frozenset[str] = frozenset()
    """The dimensions that would only repeat the column, so a change is not attributed to them."""
    failure: bool = False
    """Whether what is not sound is a failed request; only those have an error type to concentrate on."""
    first: bool = False
    """Whether a change of it is named before those of other columns."""
    tail_tested: bool = False
    """Whether its p95 is also tested against a bound."""
    share_tested: bool = False
    """Whether the share of what is sound is also tested against a bound."""
    level_tested: bool = False
    """Whether the level of its numbers is judged over several windows in a row."""
    rate: str | None = None
    """The category whose rate is judged over several windows in a row; None if none is."""

    @property
    def name(self) -> str:
        """The column's name in files and frames: the label's value as plain text."""
        return self.label.value

    @property
    def accumulated(self) -> bool:
        """Whether it is also judged over several windows in a row."""
        return self.level_tested or self.rate is not None

    @property
    def rare(self) -> bool:
        """Whether its rate is that of what is sound, so that the rest is rare."""
        return self.rate is not None and self.rate == self.sound

    @property
    def help(self) -> str:
        """What is compared and which requests count, in two sentences."""
        return f"{self.compares[:1].upper()}{self.compares[1:]}. Requests: {self.requests}."

    def derive(self, requests: Requests) -> Values:
        """Returns the compared values: numbers by the column's scale, categories as text."""
        values = self.values(requests)
        if self.kind is ValueKind.CATEGORY:
            return np.asarray(values, dtype=object)
        if self.scale is Scale.RATIO:
            values = np.log10(values + self.softening)
        return np.asarray(values, dtype=np.float64)

    def raw(self, value: float) -> float:
        """Returns a compared value in the column's unit; the usual value must not have been subtracted from it."""
        return max(0.0, 10.0**value - self.softening) if self.scale is Scale.RATIO else value

    def present(self, values: Values) -> Flags:
        """Returns which of ``values`` are values."""
        return ~np.isnan(values) if self.kind is ValueKind.NUMBER else np.asarray(values != NOTHING, dtype=np.bool_)


def ratio(times: float) -> float:
    """Returns ``times`` in the unit of Scale.RATIO."""
    return math.log10(times)


def text(name: str) -> Callable[[Requests], Words]:
    """Returns a derivation: the unchanged field ``name``."""
    return lambda requests: requests.text(name)


def number(name: str, least: float, most: float) -> Callable[[Requests], Values]:
    """Returns a derivation: the field ``name``, omitted where it is not from ``least`` to ``most``."""
    return lambda requests: requests.number(name, least, most)


def either(flags: Flags, yes: str, no: str) -> Words:
    """Returns ``yes`` where the flag is set, else ``no``."""
    return np.where(flags, yes, no).astype(object)


def levels(numbers: Values, bounds: tuple[float, float], names: tuple[str, str, str], *, right: bool = False) -> Words:
    """Returns the name of the range that each number is in; ``right`` puts a bound into the range below it."""
    placed = np.asarray(names, dtype=object)[np.digitize(np.nan_to_num(numbers), bounds, right=right)]
    return np.where(np.isnan(numbers), NOTHING, placed)
