"""What is usual at a length: so that a longer text is told apart from a slower service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.columns import NUMBERS, Column
from drift.columns.frame import Frame
from drift.columns.reader import Floats, Problem, ProblemKind

BINS = 16
"""Ranges of length, by quantiles, in which a median is taken; between the medians it is interpolated."""
LEAST_IN_BIN = 25
"""Values: the median of 25 that scatter by 20 % is good to 5 %."""
LEAST_OF_VOICE = 200
"""Values that a voice must have for a curve of its own."""
LEAST_FOR_OFFSET = 5
"""Values that a voice must have to be compared at all: then by its offset from the curve of all voices."""
STEEPEST = 1.5
"""Decades a decade: what a line beyond the last medians may rise. Work grows with the length, not much faster."""
EQUAL_LENGTH = tuple(column for column in NUMBERS if column.equal_length)


@dataclass(frozen=True, slots=True)
class Curve:
    """The usual value by the logarithm of the length: straight lines between medians, and beyond them."""

    lengths: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, length: Floats) -> Floats:
        """NaN where ``length`` is."""
        x, y = np.asarray(self.lengths), np.asarray(self.values)
        usual = np.interp(length, x, y)
        if len(x) > 1:
            low, high = _slope(x[:2], y[:2]), _slope(x[-2:], y[-2:])
            usual = np.where(length < x[0], y[0] + low * (length - x[0]), usual)
            usual = np.where(length > x[-1], y[-1] + high * (length - x[-1]), usual)
        return np.where(np.isnan(length), np.nan, usual)


@dataclass(frozen=True, slots=True)
class Lengths:
    """By column and way of answering: the curve of all voices, of some their own, of the others an offset."""

    curves: dict[str, dict[str, Curve]]
    """By column, then "way" or "way voice"."""
    offsets: dict[str, dict[str, float]]
    """By column, then "way voice"."""

    @classmethod
    def fit(cls, frame: Frame, *, by_voice: bool = True) -> Lengths:
        """Learns from the rows of a reference what is usual."""
        curves: dict[str, dict[str, Curve]] = {}
        offsets: dict[str, dict[str, float]] = {}
        for column in EQUAL_LENGTH:
            of_column, of_voices = curves.setdefault(column.name, {}), offsets.setdefault(column.name, {})
            known = frame.present(column) & ~np.isnan(frame.length)
            values = frame.values[column.name]
            for way in sorted(set(frame.way[known])):
                those = known & (frame.way == way)
                if int(those.sum()) < LEAST_FOR_OFFSET:
                    continue
                of_column[way] = curve = _curve(frame.length[those], values[those])
                for voice in sorted(set(frame.by["voice"][those])) if by_voice else ():
                    his = those & (frame.by["voice"] == voice)
                    count = int(his.sum())
                    if count >= LEAST_OF_VOICE:
                        of_column[f"{way} {voice}"] = _curve(frame.length[his], values[his])
                    if count >= LEAST_FOR_OFFSET:
                        of_voices[f"{way} {voice}"] = float(np.median(values[his] - curve.at(frame.length[his])))
        return cls(curves, offsets)

    def usual(self, column: Column, frame: Frame, groups: dict[str, npt.NDArray[np.int64]]) -> Floats:
        """What each row's value usually is; NaN where there was nothing like it. ``groups`` as ``groups_of`` gives."""
        usual = np.full(frame.rows, np.nan)
        curves, offsets = self.curves.get(column.name, {}), self.offsets.get(column.name, {})
        for name, those in groups.items():
            way = " ".join(name.split(" ")[:2])
            if name in curves:
                usual[those] = curves[name].at(frame.length[those])
            elif way in curves and (name in offsets or not offsets):
                usual[those] = curves[way].at(frame.length[those]) + offsets.get(name, 0.0)
        return usual

    def judged(self, frame: Frame) -> Frame:
        """The frame with what is usual taken from each value that is judged at equal length.

        To rows that the reference has nothing like the column no longer applies; they are told as a problem. A text of
        unknown length has no value: that is a fault of the rows and not of what was asked for.
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

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "curves": {
                column: {name: [list(curve.lengths), list(curve.values)] for name, curve in curves.items()}
                for column, curves in self.curves.items()
            },
            "offsets": self.offsets,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Lengths:
        """From what ``to_json`` made. Raises KeyError, TypeError or ValueError when it is something else."""
        return cls(
            {
                column: {name: Curve(tuple(x), tuple(y)) for name, (x, y) in curves.items()}
                for column, curves in data["curves"].items()
            },
            {
                column: {name: float(value) for name, value in offsets.items()}
                for column, offsets in data["offsets"].items()
            },
        )


def groups_of(frame: Frame) -> dict[str, npt.NDArray[np.int64]]:
    """The places of the rows that were answered in the same way by the same voice: "made whole joe"."""
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
