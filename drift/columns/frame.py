"""Rows made into columns: guarded, so that nothing in them breaks what follows, and scaled, so that they compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.columns import BY_NAME, CATEGORIES, COLUMNS, DIMENSIONS, NUMBERS, Column, Scale, ValueKind
from drift.columns.reader import NOTHING, FieldReader, Flags, Floats, Problem, Values, Words, shared

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows as columns; all arrays are ``rows`` long."""

    rows: int
    values: dict[str, Values]
    applies: dict[str, Flags]
    """By column: the rows that ought to have a value."""
    by: dict[str, Words]
    """What a change may concentrate on: DIMENSIONS."""
    length: Floats
    """Decimal logarithm of the characters to be spoken, at speed 1; NaN where there are none."""
    way: Words
    """How it was answered: made, coalesced or hit, whole or stream."""
    times: npt.NDArray[np.int64]
    """Microseconds since the epoch."""
    problems: tuple[Problem, ...] = ()

    def take(self, places: npt.NDArray[np.int64]) -> Frame:
        """The rows at ``places``, in that order."""
        return replace(
            self,
            rows=len(places),
            values={name: values[places] for name, values in self.values.items()},
            applies={name: flags[places] for name, flags in self.applies.items()},
            by={name: words[places] for name, words in self.by.items()},
            length=self.length[places],
            way=self.way[places],
            times=self.times[places],
        )

    def present(self, column: Column) -> Flags:
        """The rows that have a value to judge."""
        return self.applies[column.name] & there(column, self.values[column.name])

    def missing_share(self, column: Column) -> float | None:
        """Of the rows that ought to have a value; None when there are no such rows."""
        applies = self.applies[column.name]
        count = int(applies.sum())
        return 1.0 - float(self.present(column).sum()) / count if count else None


def there(column: Column, values: Values) -> Flags:
    """Which of ``values`` are values."""
    return ~np.isnan(values) if column.kind is ValueKind.NUMBER else np.asarray(values != NOTHING, dtype=np.bool_)


def prepare(rows: pd.DataFrame, start: datetime | None = None, end: datetime | None = None) -> Frame:
    """Makes columns of ``rows``, whatever they hold: what can't be used is left out and told as a problem.

    ``start`` and ``end`` are the window's, if rows of other times are to be left out.
    """
    reading = FieldReader(rows)
    reading.keep_window(start, end)
    reading.drop_duplicates()
    outcome, cache, voice = reading.text("outcome"), reading.text("cache"), reading.text("voice")
    status = reading.number("status", 0, 999)
    ok = outcome == "ok"
    named = voice != NOTHING
    streamed = reading.flag("streamed")
    how = np.where(cache == "hit", "hit", np.where(cache == "coalesced", "coalesced", "made")).astype(object)
    made = ok & (how == "made")
    refused = outcome == "rejected"
    no_room = refused & ((status == TOO_MANY_REQUESTS) | (status >= 500))
    provider, fell_back = reading.text("provider"), reading.text("fallback_from") != NOTHING
    speed = reading.number("speed", 0.01, 100)
    clipping = reading.number("clipping_share", 0, 1)
    every = np.ones(reading.rows, dtype=np.bool_)
    finished = np.isin(outcome, ("ok", "error"))
    # column: (the rows to which it applies, their values)
    columns: dict[str, tuple[Flags, Values]] = {
        "words": (named, _scaled("words", reading.number("words", 0, 1e7))),
        "voice": (named | ok, voice),
        "language": (named, reading.text("language")),
        "endpoint": (every, reading.text("endpoint")),
        "streamed": (named, streamed),
        "speed": (named, _levels(speed, (0.99, 1.01), ("slower", "own", "faster"))),
        "cache": (cache != NOTHING, cache),
        "invalid_requests": (outcome != NOTHING, _either(refused & ~no_room, "invalid", "valid")),
        "latency": (ok, _scaled("latency", reading.number("duration", 0, 1e6))),
        "time_to_first_audio": (
            ok & (streamed == "stream"),
            _scaled("time_to_first_audio", reading.number("time_to_first_audio", 0, 1e6)),
        ),
        "real_time_factor": (made, _scaled("real_time_factor", reading.number("real_time_factor", 0, 1e6))),
        "queue_wait": (made, _scaled("queue_wait", reading.number("queue_wait", 0, 1e6))),
        "errors": (finished, outcome),
        "rejections": (
            (outcome != NOTHING) & (outcome != "cancelled") & ~(refused & ~no_room),
            _either(no_room, "refused", "admitted"),
        ),
        "fallbacks": (made, np.where(provider == NOTHING, NOTHING, _either(fell_back, "fallback", "first"))),
        "provider": (made, provider),
        "seconds_per_character": (
            made,
            _scaled("seconds_per_character", reading.number("seconds_per_character", 0, 1e4)),
        ),
        "loudness": (made, reading.number("loudness", -400, 100)),
        "silence_share": (made, reading.number("silence_share", 0, 1)),
        "clipping_share": (made, _levels(clipping, (0.0, CLIPPED_SHARE), ("none", "some", "distorted"), right=True)),
        "audio_faults": (made, _first(reading.text("audio_faults"))),
    }
    characters = reading.number("characters", 0, 1e8)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.log10(np.maximum(1.0, characters) / np.where(np.isnan(speed), 1.0, speed))
    dimensions = {name: reading.text(name) for name in DIMENSIONS if name != "streamed"} | {"streamed": streamed}
    values = {column.name: _typed(column, columns[column.name][1]) for column in COLUMNS}
    applies = {column.name: columns[column.name][0] for column in COLUMNS}
    return Frame(
        rows=reading.rows,
        values=values,
        applies=applies,
        by=dimensions,
        length=length,
        way=shared([f"{a} {b}" for a, b in zip(how, streamed, strict=True)]),
        times=reading.times,
        problems=reading.problems,
    )


def joined(frames: list[Frame]) -> Frame:
    """One frame of several; at least one."""
    return Frame(
        rows=sum(frame.rows for frame in frames),
        values={c.name: np.concatenate([frame.values[c.name] for frame in frames]) for c in COLUMNS},
        applies={c.name: np.concatenate([frame.applies[c.name] for frame in frames]) for c in COLUMNS},
        by={name: np.concatenate([frame.by[name] for frame in frames]) for name in DIMENSIONS},
        length=np.concatenate([frame.length for frame in frames]),
        way=np.concatenate([frame.way for frame in frames]),
        times=np.concatenate([frame.times for frame in frames]),
    )


def raw(column: Column, value: float) -> float:
    """A value of ``column`` in its unit, from the one that is compared (before anything was taken from it)."""
    return max(0.0, 10.0**value - column.softening) if column.scale is Scale.RATIO else value


def _scaled(name: str, numbers: Floats) -> Floats:
    column = BY_NAME[name]
    scaled: Floats = np.asarray(np.log10(numbers + column.softening), dtype=np.float64)
    return scaled


def _levels(numbers: Floats, bounds: tuple[float, float], names: tuple[str, str, str], *, right: bool = False) -> Words:
    placed = np.asarray(names, dtype=object)[np.digitize(np.nan_to_num(numbers), bounds, right=right)]
    return np.where(np.isnan(numbers), NOTHING, placed)


def _either(flags: Flags, yes: str, no: str) -> Words:
    return np.where(flags, yes, no).astype(object)


def _first(faults: Words) -> Words:
    """The first of the faults that a clip has, "none" of one without."""
    return np.asarray([value.split(",", 1)[0].strip() or "none" for value in faults], dtype=object)


def _typed(column: Column, values: Values) -> Values:
    return np.asarray(values, dtype=np.float64 if column.kind is ValueKind.NUMBER else object)


def table(values: Mapping[str, Values]) -> pd.DataFrame:
    """Columns as pandas wants them: None where a category has no value."""
    made: dict[str, pd.Series] = {}
    for column in (*NUMBERS, *CATEGORIES):
        if column.name in values:
            series = pd.Series(values[column.name])
            made[column.name] = series if column.kind is ValueKind.NUMBER else series.where(series != NOTHING, None)
    return pd.DataFrame(made)
