"""The reference that windows are compared with: a sample of its rows, the usual values at each length, thresholds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from msgspec import structs

from drift import files
from drift.columns.column import Column, ValueKind
from drift.columns.columns import BY_NAME, DIMENSIONS
from drift.columns.reader import NOTHING, Floats, Values, Words
from drift.errors import ReferenceDamaged, ReferenceIncompatible
from drift.reference.calendar import ALL_HOURS, hour_of_week
from drift.reference.lengths import Lengths
from drift.reference.usual_value import UsualValue
from otel.contract.drift_verdict import ReferenceHours

FORMAT = 1
"""The version of stored references and of how columns are derived: raise it whenever either changes its meaning, but
not for a new column, for which older references have no thresholds."""
SIZES = (100, 200, 500, 1000, 2000, 5000)
"""The numbers of values at which a column's thresholds are measured, since a distance shrinks with the number of
values. Thresholds are interpolated between sizes, and a larger window is sampled down to the largest size. Beyond 5,000
the hours differ by more than their sampling errors."""
METADATA, SAMPLE = "reference.json", "sample.parquet"
VALUE, BY = "value ", "by "
"""The prefixes of the sample's columns."""
GROUP = "hours"
"""The column of the sample that tells each row's place in ``hours``."""
LATER = frozenset({"hours", "baselines", "reason"})
"""The fields that a reference of an earlier version does not have; they are stored if they hold something."""
NOT_KNOWN = "the reference is of a version that does not look for a pattern by hour: calibrate makes a new one"


class Calibration(StrEnum):
    """The origin of the thresholds: the service's own windows, or fixed values."""

    CALIBRATED = "calibrated"
    COLD = "cold"
    """There were too few windows, so the thresholds are fixed."""


class Method(StrEnum):
    """The distance measures of two samples, by Evidently's names."""

    WASSERSTEIN = "wasserstein"
    JENSEN_SHANNON = "jensenshannon"
    STABILITY = "psi_deciles"
    """The population stability index over the reference's deciles; ours, registered with Evidently."""


class Threshold(msgspec.Struct, frozen=True, array_like=True):
    """The distance from which a window counts as over, and its origin."""

    value: float
    """A window of at least this distance is over it."""
    sure: float
    """The average distance that consecutive windows must reach to count as drift."""
    method: Method
    mean: float | None = None
    """The mean distance of the reference's own windows."""
    deviation: float | None = None
    """The standard deviation of these distances."""
    windows: int = 0
    """The number of these windows."""


@dataclass(frozen=True, slots=True)
class TestBounds:
    """The bounds that absolute tests hold a column to."""

    p95: dict[int, float] = field(default_factory=dict)
    """By size: the maximum p95 of the compared values."""
    success: dict[int, float] = field(default_factory=dict)
    """By size: the minimum share of what is sound."""
    missing: float = 1.0
    """The maximum share of missing values."""
    varied: bool = False
    """Whether the reference has more than one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourReference:
    """What some hours of the week are compared with; the sample has their rows."""

    name: str
    """The hours in words, as "Mondays to Fridays 02:00-04:00"."""
    hours: tuple[int, ...]
    """The hours of the week, 0 from Monday 00:00 UTC on."""
    windows: int
    rows: int
    thresholds: dict[str, dict[int, Threshold]]
    bounds: dict[str, TestBounds]
    baselines: dict[str, UsualValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMetadata:
    """The content of reference.json except the checksum: everything in a reference but its sample."""

    format: int = FORMAT
    created: datetime
    start: datetime
    end: datetime
    windows: int
    """The number of windows with enough rows."""
    rows: int
    state: Calibration
    lengths: Lengths
    thresholds: dict[str, dict[int, Threshold]]
    """The thresholds by column and size."""
    bounds: dict[str, TestBounds]
    """The bounds by column."""
    typical: dict[str, float]
    """The medians of numbers, in their units."""
    builds: tuple[str, ...]
    voice_checksums: tuple[str, ...]
    baselines: dict[str, UsualValue] = field(default_factory=dict)
    """The usual values by column, by which windows in a row are judged together."""
    hours: tuple[HourReference, ...] = ()
    """What the hours of the week are compared with, where the past shows a pattern; empty where it shows none."""
    reason: str = ""
    """Why the hours of the week are told apart, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(ReferenceMetadata):
    """The windows that the service is compared with."""

    sample: pd.DataFrame = field(repr=False, compare=False)
    """A proportional sample of the windows' rows, one for each of the ``hours``: compared values ("value latency") and
    dimensions ("by voice")."""
    checksum: str = ""
    """The SHA-256 of everything else, including the sample."""
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """The name of its folder: the times at which it begins and ends, and the first 8 digits of its checksum."""
        return f"{self.start:%Y%m%dT%H%MZ}-{self.end:%Y%m%dT%H%MZ}-{self.checksum[:8]}"

    def at(self, time: datetime) -> Reference:
        """Returns what a window that begins at ``time`` is compared with: those of its hour of the week."""
        if len(self.hours) < 2:
            return self
        hour = hour_of_week(time)
        place = next(place for place, of in enumerate(self.hours) if hour in of.hours)
        if place not in self._cache:
            chosen = self.hours[place]
            self._cache[place] = replace(
                self,
                hours=(chosen,),
                thresholds=chosen.thresholds,
                bounds=chosen.bounds,
                baselines=chosen.baselines,
                sample=self.sample[self.sample[GROUP] == place].reset_index(drop=True),
            )
        known: Reference = self._cache[place]
        return known

    @property
    def described(self) -> ReferenceHours:
        """The hours that are compared with, for a verdict; of what ``at`` returned."""
        reason = self.reason or NOT_KNOWN
        if len(self.hours) == 1:
            chosen = self.hours[0]
            return ReferenceHours(chosen.name, reason, chosen.windows, chosen.rows)
        return ReferenceHours(ALL_HOURS, reason, self.windows, self.rows)

    def values(self, column: Column) -> Values:
        """Returns all values of the sample, numbers in ascending order."""
        key = f"values {column.name}"
        if key not in self._cache:
            values = column_of(self.sample, column)
            values = values[column.present(values)]
            self._cache[key] = np.sort(values) if column.kind is ValueKind.NUMBER else values
        known: Values = self._cache[key]
        return known

    def threshold(self, column: Column, size: int) -> Threshold | None:
        """Returns the threshold for the distance of ``size`` values; None if these are too few."""
        by_size = self.thresholds.get(column.name, {})
        below = max((known for known in by_size if known <= size), default=None)
        if below is None:
            return None
        value = between({known: threshold.value for known, threshold in by_size.items()}, size)
        sure = between({known: threshold.sure for known, threshold in by_size.items()}, size)
        return structs.replace(by_size[below], value=value, sure=sure)

    def counts(self, column: Column) -> Mapping[str, int]:
        """Returns the count of each category in the sample."""
        key = f"counts {column.name}"
        if key not in self._cache:
            self._cache[key] = dict(Counter(self.values(column)))
        known: dict[str, int] = self._cache[key]
        return known

    def by(self, name: str) -> Words:
        """Returns the dimension ``name`` of the sample's rows."""
        return np.asarray(self.sample[BY + name].to_numpy(dtype=object), dtype=object)

    def sealed(self) -> Reference:
        """Returns the reference with its checksum."""
        return replace(self, checksum=_checksum(self))

    def save(self, folder: Path) -> None:
        """Creates ``folder`` and writes the reference into it. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.sample.to_parquet(folder / SAMPLE, index=False)
        text = files.json_text({**_stored(self), "checksum": self.checksum}, sort_keys=False)
        (folder / METADATA).write_text(text.rstrip(), "utf-8")


def between(by_size: Mapping[int, float], size: int) -> float:
    """Interpolates between known sizes linearly over 1 / sqrt(size), in proportion to sampling errors.

    Outside the known sizes, the value of the smallest or largest one holds. Raises ValueError when there is no size.
    """
    sizes = sorted(by_size, reverse=True)
    return float(np.interp(size**-0.5, [known**-0.5 for known in sizes], [by_size[known] for known in sizes]))


def column_of(sample: pd.DataFrame, column: Column) -> Values:
    """Returns the sample's values of ``column``, NaN or "" where there is none: everywhere, if the column is newer."""
    if VALUE + column.name not in sample.columns:
        nothing, kind = (np.nan, np.float64) if column.kind is ValueKind.NUMBER else (NOTHING, object)
        return np.full(len(sample), nothing, dtype=kind)
    given = sample[VALUE + column.name]
    if column.kind is ValueKind.NUMBER:
        numbers: Floats = given.to_numpy(dtype=np.float64)
        return numbers
    return np.asarray(given.to_numpy(dtype=object), dtype=object)


def load(folder: Path) -> Reference:
    """Returns the reference that ``save`` wrote into ``folder``.

    Raises ReferenceDamaged when a file is missing, unreadable or not what was stored, ReferenceIncompatible when
    another version of this job made it.
    """
    try:
        text = (folder / METADATA).read_bytes()
        stored = msgspec.json.decode(text, type=_Stored)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReferenceDamaged(f"{folder.name}/{METADATA} can't be read: {type(error).__name__}") from error
    if stored.format != FORMAT:
        raise ReferenceIncompatible(
            f"the reference has the format {stored.format}, this job reads {FORMAT}: calibrate anew"
        )
    try:
        metadata = msgspec.json.decode(text, type=ReferenceMetadata)
        sample = pd.read_parquet(folder / SAMPLE)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # pyarrow's errors and a ValidationError are ValueErrors
        raise ReferenceDamaged(f"{folder.name} can't be read: {type(error).__name__}") from error
    needed = {VALUE + name for name in metadata.thresholds} | {BY + name for name in DIMENSIONS}
    needed |= {GROUP} if metadata.hours else set()
    if not set(sample.columns) >= needed or not set(metadata.thresholds) <= set(BY_NAME):
        raise ReferenceDamaged(f"{folder.name} can't be read: its columns are not the ones of this version")
    reference = Reference(**_metadata(metadata), sample=sample).sealed()
    if stored.checksum != reference.checksum:
        raise ReferenceDamaged(f"{folder.name} is not what was stored: its checksum differs")
    return reference


class _Stored(msgspec.Struct):
    """The part of reference.json that shows whether the rest can be read, and is what was stored."""

    format: int
    checksum: str = ""


def _metadata(reference: ReferenceMetadata) -> dict[str, Any]:
    """Returns the fields of ReferenceMetadata that ``reference`` has."""
    return {field.name: getattr(reference, field.name) for field in fields(ReferenceMetadata)}


def _stored(reference: ReferenceMetadata) -> dict[str, Any]:
    """Returns the fields that are written; one of LATER only if it holds something, as a format that had none of them
    demands."""
    return {name: value for name, value in _metadata(reference).items() if value or name not in LATER}


def _checksum(reference: Reference) -> str:
    digest = hashlib.sha256(files.json_text(_stored(reference), indent=None).rstrip().encode())
    for name in sorted(reference.sample.columns):
        digest.update(name.encode())
        values = reference.sample[name]
        if values.dtype.kind == "f":
            digest.update(values.to_numpy(dtype="<f8").tobytes())
        elif values.dtype.kind == "i":
            digest.update(values.to_numpy(dtype="<i8").tobytes())
        else:
            digest.update("\0".join(values.fillna(NOTHING).astype(str)).encode())
    return digest.hexdigest()
