"""Rows as arrays: what the sequential tests need of each request, in order of time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.columns import BY_NAME
from drift.columns.frame import Frame, prepare
from drift.columns.reader import NOTHING, FieldReader, Flags, Floats, Words
from drift.columns.requests import Requests

LATENCY = BY_NAME["latency"]
NATURAL = float(np.log(10.0))
"""Decimal logarithms times this are natural ones."""


@dataclass(frozen=True, slots=True)
class RequestValues:
    """Requests in order of time; all arrays have the same length."""

    frame: Frame
    times: Floats
    """Seconds since 1970."""
    voice: Words
    build: Words
    provider: Words
    """Who spoke; "" if nobody did."""
    failed_provider: Words
    """Who did not speak, so that another provider was asked; mostly ""."""
    attempted: Flags
    """Requests that ended ok or in an error, and were not answered from a cache or with another request."""
    failed: Flags
    latency: Floats
    """Natural logarithm of the seconds of requests that ended ok and whose audio was made for them; else NaN."""
    word_error_rate: Floats
    """0 to 1; NaN for a clip that was not checked."""

    def __len__(self) -> int:
        return len(self.times)

    def take(self, flags: Flags) -> RequestValues:
        """Returns the requests that are flagged."""
        places = np.flatnonzero(flags)
        arrays = {name: getattr(self, name)[places] for name in ARRAYS}
        return RequestValues(frame=self.frame.take(places), **arrays)

    def of_build(self, build: str) -> Flags:
        """Returns which requests the build answered."""
        return np.asarray(self.build == build, dtype=np.bool_)


ARRAYS = tuple(field.name for field in fields(RequestValues) if field.name != "frame")


def request_values(rows: pd.DataFrame, since: datetime | None = None, until: datetime | None = None) -> RequestValues:
    """Returns the values of the rows from ``since`` to before ``until``; no value of a row raises."""
    reader = FieldReader(rows)
    reader.keep_window(since, until)
    reader.drop_duplicates()
    known = reader.times > np.iinfo(np.int64).min
    source = reader.source.loc[known]
    source = source.iloc[np.argsort(reader.times[known], kind="stable")]
    reader = FieldReader(source)
    requests, frame = Requests(reader), prepare(source)
    made = np.asarray(requests.origin == "made", dtype=np.bool_)
    latency = np.where(frame.present(LATENCY) & made, frame.values["latency"] * NATURAL, np.nan)
    return RequestValues(
        frame=frame,
        times=reader.times / 1e6,
        voice=requests.voice,
        build=requests.text("build"),
        provider=requests.provider,
        failed_provider=requests.fallback_from,
        attempted=made & np.isin(requests.outcome, ("ok", "error")),
        failed=np.asarray(requests.outcome == "error", dtype=np.bool_),
        latency=latency,
        word_error_rate=_rate(reader) if "word_error_rate" in source.columns else np.full(len(source), np.nan),
    )


def _rate(reader: FieldReader) -> npt.NDArray[np.float64]:
    """Returns the rate of words misheard; inserted words can make it more than 1, which counts as 1."""
    return np.minimum(reader.number("word_error_rate", 0.0, 1e6), 1.0)


def distinct(words: Words) -> list[str]:
    """Returns the values, each once, in order; without ""."""
    return sorted(set(words) - {NOTHING})
