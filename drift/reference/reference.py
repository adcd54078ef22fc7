"""What windows are compared with: a sample of the reference's rows, what is usual at each length, the thresholds."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS, Column, ValueKind
from drift.columns.frame import there
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


@dataclass(frozen=True, slots=True)
class Threshold:
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


@dataclass(frozen=True, slots=True)
class Reference:
    """The windows that the service is compared with."""

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
    sample: pd.DataFrame = field(repr=False, compare=False)
    """Rows of all windows, in proportion: compared values ("value latency") and dimensions ("by voice")."""
    checksum: str = ""
    """SHA-256 over all else, the sample included."""
    format: int = FORMAT
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Where it begins and ends, and the first of its checksum: the name of its folder."""
        return f"{self.start:%Y%m%dT%H%MZ}-{self.end:%Y%m%dT%H%MZ}-{self.checksum[:8]}"

    def values(self, column: Column) -> Values:
        """All values of the sample; numbers ascending."""
        key = f"values {column.name}"
        if key not in self._cache:
            values = column_of(self.sample, column)
            values = values[there(column, values)]
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
        return replace(by_size[below], value=value, sure=sure)

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
        return _with_checksum(self, _checksum(self))

    def save(self, folder: Path) -> None:
        """Writes it into ``folder``, which is made. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.sample.to_parquet(folder / SAMPLE, index=False)
        (folder / METADATA).write_text(json.dumps({**_metadata(self), "checksum": self.checksum}, indent=1), "utf-8")


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
        data = json.loads((folder / METADATA).read_text("utf-8"))
        version = data["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReferenceDamaged(f"{folder.name}/{METADATA} can't be read: {type(error).__name__}") from error
    if version != FORMAT:
        raise ReferenceIncompatible(f"the reference has the format {version}, this job reads {FORMAT}: calibrate anew")
    try:
        sample = pd.read_parquet(folder / SAMPLE)
        reference = _from_metadata(data, sample)
        stored = data["checksum"]
        actual = _checksum(reference)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReferenceDamaged(f"{folder.name} can't be read: {type(error).__name__}") from error
    if stored != actual:
        raise ReferenceDamaged(f"{folder.name} is not what was stored: its checksum differs")
    return _with_checksum(reference, actual)


def _with_checksum(reference: Reference, checksum: str) -> Reference:
    return Reference(
        **{
            name: getattr(reference, name)
            for name in Reference.__dataclass_fields__
            if name not in ("checksum", "_cache")
        },
        checksum=checksum,
    )


def _metadata(reference: Reference) -> dict[str, Any]:
    return {
        "format": reference.format,
        "created": reference.created.astimezone(UTC).isoformat(),
        "start": reference.start.astimezone(UTC).isoformat(),
        "end": reference.end.astimezone(UTC).isoformat(),
        "windows": reference.windows,
        "rows": reference.rows,
        "state": reference.state.value,
        "lengths": reference.lengths.to_json(),
        "thresholds": {
            name: {
                str(size): [t.value, t.sure, t.method.value, t.mean, t.deviation, t.windows]
                for size, t in by_size.items()
            }
            for name, by_size in reference.thresholds.items()
        },
        "bounds": {
            name: {
                "p95": {str(size): value for size, value in bounds.p95.items()},
                "success": {str(size): value for size, value in bounds.success.items()},
                "missing": bounds.missing,
                "varied": bounds.varied,
            }
            for name, bounds in reference.bounds.items()
        },
        "typical": reference.typical,
        "builds": list(reference.builds),
        "voice_checksums": list(reference.voice_checksums),
    }


def _from_metadata(data: dict[str, Any], sample: pd.DataFrame) -> Reference:
    wanted = {VALUE + column.name for column in COLUMNS} | {BY + name for name in DIMENSIONS}
    if not wanted <= set(sample.columns) or not set(data["thresholds"]) <= set(BY_NAME):
        raise ValueError("columns are not the ones of this version")
    return Reference(
        created=datetime.fromisoformat(data["created"]),
        start=datetime.fromisoformat(data["start"]),
        end=datetime.fromisoformat(data["end"]),
        windows=int(data["windows"]),
        rows=int(data["rows"]),
        state=Calibration(data["state"]),
        lengths=Lengths.from_json(data["lengths"]),
        thresholds={
            name: {
                int(size): Threshold(float(value), float(sure), Method(method), mean, deviation, int(windows))
                for size, (value, sure, method, mean, deviation, windows) in by_size.items()
            }
            for name, by_size in data["thresholds"].items()
        },
        bounds={
            name: TestBounds(
                {int(size): float(value) for size, value in bounds["p95"].items()},
                {int(size): float(value) for size, value in bounds["success"].items()},
                float(bounds["missing"]),
                bool(bounds["varied"]),
            )
            for name, bounds in data["bounds"].items()
        },
        typical={name: float(value) for name, value in data["typical"].items()},
        builds=tuple(data["builds"]),
        voice_checksums=tuple(data["voice_checksums"]),
        sample=sample,
        format=int(data["format"]),
    )


def _checksum(reference: Reference) -> str:
    digest = hashlib.sha256(json.dumps(_metadata(reference), sort_keys=True).encode())
    for name in sorted(reference.sample.columns):
        digest.update(name.encode())
        values = reference.sample[name]
        if values.dtype.kind == "f":
            digest.update(values.to_numpy(dtype="<f8").tobytes())
        else:
            digest.update("\0".join(values.fillna(NOTHING).astype(str)).encode())
    return digest.hexdigest()
