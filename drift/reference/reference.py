"""What windows are compared with: a sample of the reference's rows, what is usual at each length, the thresholds."""

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
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS
from drift.columns.reader import NOTHING, Floats, Values, Words
from drift.errors import ReferenceDamaged, ReferenceIncompatible
from drift.reference.lengths import Lengths

FORMAT = 1
"""Of the stored reference, and of how columns are derived from rows: raise it whenever either changes its meaning."""
SIZES = (100, 200, 500, 1000, 2000, 5000)
"""Values of a column at which thresholds are measured: a distance shrinks with the number of values. Between two sizes
it is interpolated, a window of more than the largest is sampled down to it. Beyond 5,000 the hours differ by more than
their sampling does."""
METADATA, SAMPLE = "reference.json", "sample.parquet"
VALUE, BY = "value ", "by "
"""What the names of the sample's columns begin with."""
SAMPLE_COLUMNS = {VALUE + column.name for column in COLUMNS} | {BY + name for name in DIMENSIONS}


class Calibration(StrEnum):
    """Whether thresholds come from the service's own windows."""

    CALIBRATED = "calibrated"
    COLD = "cold"
    """Too few windows: fixed thresholds."""


class Method(StrEnum):
    """How the distance of two samples is measured; also the names that Evidently knows them by."""

    WASSERSTEIN = "wasserstein"
    JENSEN_SHANNON = "jensenshannon"
    STABILITY = "psi_deciles"
    """The population stability index over the reference's deciles; ours, registered with Evidently."""


class Threshold(msgspec.Struct, frozen=True, array_like=True):
    """From where on a distance counts, and where that comes from."""

    value: float
    """A window of at least this distance is over it."""
    sure: float
    """What the windows in a row that make a drift must have on average."""
    method: Method
    mean: float | None = None
    """Of the reference's own windows."""
    deviation: float | None = None
    """Standard deviation of the same."""
    windows: int = 0
    """How many these were."""


@dataclass(frozen=True, slots=True)
class TestBounds:
    """What absolute tests hold a column to."""

    p95: dict[int, float] = field(default_factory=dict)
    """By size: of the compared values, at most."""
    success: dict[int, float] = field(default_factory=dict)
    """By size: the share of ok among ok and error, at least."""
    missing: float = 1.0
    """The share of values that is missing, at most."""
    varied: bool = False
    """Whether there was more than one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMetadata:
    """All that is stored of a reference beside its sample and its checksum: reference.json."""

    format: int = FORMAT
    created: datetime
    start: datetime
    end: datetime
    windows: int
    """With enough rows to count."""
    rows: int
    state: Calibration
    lengths: Lengths
    thresholds: dict[str, dict[int, Threshold]]
    """By column and size."""
    bounds: dict[str, TestBounds]
    typical: dict[str, float]
    """Of a number: the median in its unit, as a person knows it."""
    builds: tuple[str, ...]
    voice_checksums: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(ReferenceMetadata):
    """The windows that the service is compared with."""

    sample: pd.DataFrame = field(repr=False, compare=False)
    """Rows of all windows, in proportion: compared values ("value latency") and dimensions ("by voice")."""
    checksum: str = ""
    """SHA-256 over all else, the sample included."""
    _cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Where it begins and ends, and the first of its checksum: the name of its folder."""
        return f"{self.start:%Y%m%dT%H%MZ}-{self.end:%Y%m%dT%H%MZ}-{self.checksum[:8]}"

    def values(self, column: Column) -> Values:
        """All values of the sample; numbers ascending."""
        key = f"values {column.name}"
        if key not in self._cache:
            values = column_of(self.sample, column)
            values = values[column.present(values)]
            self._cache[key] = np.sort(values) if column.kind is ValueKind.NUMBER else values
        known: Values = self._cache[key]
        return known

    def threshold(self, column: Column, size: int) -> Threshold | None:
        """From where on the distance of ``size`` values counts; None when there are too few."""
        by_size = self.thresholds.get(column.name, {})
        below = max((known for known in by_size if known <= size), default=None)
        if below is None:
            return None
        value = between({known: threshold.value for known, threshold in by_size.items()}, size)
        sure = between({known: threshold.sure for known, threshold in by_size.items()}, size)
        return structs.replace(by_size[below], value=value, sure=sure)

    def counts(self, column: Column) -> Mapping[str, int]:
        """Of a category: how often each value is in the sample."""
        key = f"counts {column.name}"
        if key not in self._cache:
            self._cache[key] = dict(Counter(self.values(column)))
        known: dict[str, int] = self._cache[key]
        return known

    def by(self, name: str) -> Words:
        """A dimension of the sample's rows."""
        return np.asarray(self.sample[BY + name].to_numpy(dtype=object), dtype=object)

    def sealed(self) -> Reference:
        """The same with its checksum."""
        return replace(self, checksum=_checksum(self))

    def save(self, folder: Path) -> None:
        """Writes it into ``folder``, which is made. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.sample.to_parquet(folder / SAMPLE, index=False)
        text = files.json_text({**_metadata(self), "checksum": self.checksum}, sort_keys=False)
        (folder / METADATA).write_text(text.rstrip(), "utf-8")


def between(by_size: Mapping[int, float], size: int) -> float:
    """What holds at ``size``, from what holds at some sizes: straight lines over 1 / sqrt(size), as sampling errors go.

    Beyond the smallest and the largest it is theirs. Raises ValueError when there is no size.
    """
    sizes = sorted(by_size, reverse=True)
    return float(np.interp(size**-0.5, [known**-0.5 for known in sizes], [by_size[known] for known in sizes]))


def column_of(sample: pd.DataFrame, column: Column) -> Values:
    """The sample's values of ``column``, NaN or "" where there is none."""
    given = sample[VALUE + column.name]
    if column.kind is ValueKind.NUMBER:
        numbers: Floats = given.to_numpy(dtype=np.float64)
        return numbers
    return np.asarray(given.to_numpy(dtype=object), dtype=object)


def load(folder: Path) -> Reference:
    """Reads what ``save`` wrote.

    Raises ReferenceDamaged when a file is missing, unreadable or not what was stored, ReferenceIncompatible when it was
    made by another version of this job.
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
    if not set(sample.columns) >= SAMPLE_COLUMNS or not set(metadata.thresholds) <= set(BY_NAME):
        raise ReferenceDamaged(f"{folder.name} can't be read: its columns are not the ones of this version")
    reference = Reference(**_metadata(metadata), sample=sample).sealed()
    if stored.checksum != reference.checksum:
        raise ReferenceDamaged(f"{folder.name} is not what was stored: its checksum differs")
    return reference


class _Stored(msgspec.Struct):
    """The part of reference.json that says whether the rest can be read, and whether it is what was stored."""

    format: int
    checksum: str = ""


def _metadata(reference: ReferenceMetadata) -> dict[str, Any]:
    """What is stored of ``reference`` beside its sample and its checksum, by field."""
    return {field.name: getattr(reference, field.name) for field in fields(ReferenceMetadata)}


def _checksum(reference: Reference) -> str:
    digest = hashlib.sha256(files.json_text(_metadata(reference), indent=None).rstrip().encode())
    for name in sorted(reference.sample.columns):
        digest.update(name.encode())
        values = reference.sample[name]
        if values.dtype.kind == "f":
            digest.update(values.to_numpy(dtype="<f8").tobytes())
        else:
            digest.update("\0".join(values.fillna(NOTHING).astype(str)).encode())
    return digest.hexdigest()
