"""Plots of the results, in the same folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.results.file import FOLDER

WIDTH, HEIGHT, DOTS = 5.0, 3.6, 110
"""The size of a panel in inches, and the dots per inch."""
SPREAD = 50.0
"""The ratio of the largest to the smallest value above which an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or the bars of one colour."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def bars(filename: str, x_label: str, panels: Mapping[str, Sequence[Series]]) -> None:
    """Draws panels of grouped bars side by side, by the label of their y axis; each x is a group."""
    figure, axes = _panels(len(panels))
    for axis, (y_label, series) in zip(axes, panels.items(), strict=True):
        width = 0.8 / len(series)
        for number, entry in enumerate(series):
            positions = [group + width * (number - (len(series) - 1) / 2) for group in range(len(entry.x))]
            axis.bar(positions, entry.y, width, label=entry.name)
        axis.set_xticks(range(len(series[0].x)), [str(x) for x in series[0].x])
        _style_axis(axis, x_label, y_label, series)
    _save(figure, filename)


def lines(filename: str, panels: Mapping[tuple[str, str], Sequence[Series]]) -> None:
    """Draws panels of lines over a logarithmic x axis side by side, by the labels of their x and y axes."""
    figure, axes = _panels(len(panels))
    for axis, ((x_label, y_label), series) in zip(axes, panels.items(), strict=True):
        for entry in series:
            axis.plot(entry.x, entry.y, marker="o", label=entry.name)
        axis.set_xscale("log")
        axis.set_xticks(series[0].x, [str(x) for x in series[0].x])
        axis.minorticks_off()
        _style_axis(axis, x_label, y_label, series)
    _save(figure, filename)


def _panels(count: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * count, HEIGHT), layout="tight")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _style_axis(axis: Any, x_label: str, y_label: str, series: Sequence[Series]) -> None:
    values = [value for entry in series for value in entry.y if value > 0]
    if values and max(values) / min(values) > SPREAD:
        axis.set_yscale("log")
        axis.set_ylim(top=max(values) * 5)  # the legend stands above
    else:
        axis.set_ylim(0, max(values, default=1) * 1.35)
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.grid(axis="y", alpha=0.3)
    axis.legend(frameon=False, fontsize="small")


def _save(figure: Any, filename: str) -> None:
    figure.savefig(FOLDER / filename, dpi=DOTS, metadata={"Software": None})
