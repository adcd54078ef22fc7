"""The usual values at each text length, which distinguish longer texts from a slower service."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.column import Column
from drift.columns.columns import NUMBERS
from drift.columns.frame import Frame
from drift.columns.reader import Floats
from otel.contract.drift_verdict import Problem, ProblemKind

BINS = 16
"""The number of length ranges, by quantiles, that each have a median; values between medians are interpolated."""
LEAST_IN_BIN = 25
"""The minimum number of values in a range: the median of 25 values with 20 % scatter is accurate to 5 %."""
LEAST_OF_VOICE = 200
"""The minimum number of values of a voice for its own curve."""
LEAST_FOR_OFFSET = 5
"""The minimum number of values of a voice for a comparison, by its offset from the curve of all voices."""
STEEPEST = 1.5
"""The maximum slope beyond the last medians, in decades per decade: work grows with the length, not much faster."""
EQUAL_LENGTH = tuple(column for column in NUMBERS if column.equal_length)


class Curve(msgspec.Struct, frozen=True, array_like=True):
    """The usual value as a function of the length's logarithm: straight lines between medians, and beyond them."""

    lengths: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, length: Floats) -> Floats:
        """Returns the usual value at each ``length``, NaN where that is NaN."""
        x, y = np.asarray(self.lengths), np.asarray(self.values)
        usual = np.interp(length, x, y)
        if len(x) > 1:
            low, high = _slope(x[:2], y[:2]), _slope(x[-2:], y[-2:])
            usual = np.where(length < x[0], y[0] + low * (length - x[0]), usual)
            usual = np.where(length > x[-1], y[-1] + high * (length - x[-1]), usual)
        return np.where(np.isnan(length), np.nan, usual)


@dataclass(frozen=True, slots=True)
class Lengths:
    """The usual values by column and way of answering: a curve of all voices, and each voice's own curve or offset."""

    curves: dict[str, dict[str, Curve]]
    """The curves by column, then by "way" or "way voice"."""
    offsets: dict[str, dict[str, float]]
    """The voices' offsets by column, then by "way voice"."""

    @classmethod
    def fit(cls, frame: Frame, *, by_voice: bool = True) -> Lengths:
        """Fits curves and offsets to the rows of a reference."""
        curves: dict[str, dict[str, Curve]] = {}
        offsets: dict[str, dict[str, float]] = {}
        for column in EQUAL_LENGTH:
            of_column = curves[column.name] = {}
            offsets[column.name] = {}
            known = frame.present(column) & ~np.isnan(frame.length)
            values = frame.values[column.name]
            for way in sorted(set(frame.way[known])):
                of_way = known & (frame.way == way)
                if int(of_way.sum()) < LEAST_FOR_OFFSET:
                    continue
                of_column[way] = curve = _curve(frame.length[of_way], values[of_way])
                for voice in sorted(set(frame.by["voice"][of_way])) if by_voice else ():
                    of_voice = of_way & (frame.by["voice"] == voice)
                    count = int(of_voice.sum())
                    length, value = frame.length[of_voice], values[of_voice]
                    if count >= LEAST_OF_VOICE:
                        of_column[f"{way} {voice}"] = _curve(length, value)
                    if count >= LEAST_FOR_OFFSET:
                        offsets[column.name][f"{way} {voice}"] = float(np.median(value - curve.at(length)))
        return cls(curves, offsets)

    def usual(self, column: Column, frame: Frame, groups: dict[str, npt.NDArray[np.int64]]) -> Floats:
        """Returns each row's usual value, NaN where the reference has none; ``groups`` is the result of groups_of."""
        usual = np.full(frame.rows, np.nan)
        curves, offsets = self.curves.get(column.name, {}), self.offsets.get(column.name, {})
        for name, places in groups.items():
            way = " ".join(name.split(" ")[:2])
            if name in curves:
                usual[places] = curves[name].at(frame.length[places])
            elif way in curves and (name in offsets or not offsets):
                usual[places] = curves[way].at(frame.length[places]) + offsets.get(name, 0.0)
        return usual

    def judged(self, frame: Frame) -> Frame:
        """Returns the frame with the usual value subtracted from each value that is judged at equal length.

        The column no longer applies to rows for which the reference has no usual value; they become a problem. A text
        of unknown length has no value: that is a fault of the row, not of the request.
        """
        values, applies, problems = dict(frame.values), dict(frame.applies), list(frame.problems)
        groups = groups_of(frame)
        for column in EQUAL_LENGTH:
            usual = self.usual(column, frame, groups)
            strange = frame.present(column) & np.isnan(usual) & ~np.isnan(frame.length)
            values[column.name] = frame.values[column.name] - usual
            applies[column.name] = frame.applies[column.name] & ~strange
            if strange.any():
                problems.append(Problem(ProblemKind.INCOMPARABLE, column.name, int(strange.sum())))
        return replace(frame, values=values, applies=applies, problems=tuple(problems))


def groups_of(frame: Frame) -> dict[str, npt.NDArray[np.int64]]:
    """Returns the indexes of the rows by way of answering and voice, such as "made whole joe"."""
    frames = pd.DataFrame({"way": frame.way, "voice": frame.by["voice"]})
    return {
        f"{way} {voice}": np.asarray(places)
        for (way, voice), places in frames.groupby(["way", "voice"]).indices.items()
    }


def _curve(lengths: Floats, values: Floats) -> Curve:
    bins = max(1, min(BINS, len(lengths) // LEAST_IN_BIN))
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, bins + 1)[1:-1])) if bins > 1 else np.empty(0)
    places = np.searchsorted(edges, lengths, side="right")
    points = {
        float(np.median(lengths[places == place])): float(np.median(values[places == place]))
        for place in range(len(edges) + 1)
        if (places == place).any()
    }
    ordered = sorted(points.items())
    return Curve(tuple(x for x, _ in ordered), tuple(y for _, y in ordered))


def _slope(x: Floats, y: Floats) -> float:
    return float(np.clip((y[1] - y[0]) / (x[1] - x[0]), -STEEPEST, STEEPEST))
