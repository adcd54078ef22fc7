"""Draws charts as SVG inside a page: no script, no network, colours from the page's light or dark style."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 40
BINS = 40


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A point of a line: ``label`` is shown below it where there is room, a ``value`` of None is a gap."""

    label: str
    value: float | None
    title: str = ""


def lines(series: Mapping[str, Sequence[ChartPoint]], *, threshold: float, unit: str) -> Markup:
    """Returns lines over the same moments, with a dashed one at ``threshold``."""
    if not series:
        return Markup("")
    count = max(len(points) for points in series.values())
    values = [point.value for points in series.values() for point in points if point.value is not None]
    top = nice(max([*values, threshold * 1.2]))
    parts = [_axis(top, lambda value: f"{value:g}"), _caption(unit)]
    longest = max(series.values(), key=len)
    every = max(1, math.ceil(count / 6))
    for place, point in enumerate(longest):
        if place % every == 0:
            parts.append(_below(_x(place, count), point.label))
    level = _y(threshold, top)
    parts.append(
        Markup('<line class="bound" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, level, level)
    )
    for number, (name, points) in enumerate(series.items()):
        for stretch in _stretches(points):
            path = " ".join(f"{_x(place, count)},{_y(value, top)}" for place, value, _ in stretch)
            parts.append(Markup('<polyline class="s{}" points="{}"/>').format(number % 6, path))
            for place, value, point in stretch:
                parts.append(
                    Markup('<circle class="s{}" cx="{}" cy="{}" r="3"><title>{}</title></circle>').format(
                        number % 6,
                        _x(place, count),
                        _y(value, top),
                        point.title or f"{name} {point.label}: {value:.3g}",
                    )
                )
    return _svg(parts, f"lines of {', '.join(series)}") + _legend(
        [(f"s{n % 6}", name) for n, name in enumerate(series)]
    )


def histograms(before: Sequence[float], after: Sequence[float], *, unit: str, say: Callable[[float], str]) -> Markup:
    """Returns the distributions of values in the reference and in the window, as shares; ``say`` labels a value."""
    if not before or not after:
        return Markup("")
    ordered = [sorted(before), sorted(after)]  # the outermost 0.5 % on each side goes into the last bars
    low = min(values[len(values) // 200] for values in ordered)
    high = max(values[-1 - len(values) // 200] for values in ordered)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    shares = {"ref": _binned(before, low, high), "win": _binned(after, low, high)}
    top = nice(max(max(share) for share in shares.values()))
    parts = [_axis(top, lambda value: f"{value * 100:.3g} %"), _caption(unit)]
    for place in range(6):
        value = low + (high - low) * place / 5
        parts.append(_below(LEFT + (WIDTH - LEFT - RIGHT) * place / 5, say(value)))
    width = (WIDTH - LEFT - RIGHT) / BINS
    for kind, binned in shares.items():
        path = f"M{LEFT},{_y(0, top)}"
        for place, share in enumerate(binned):
            path += f" L{LEFT + place * width:.1f},{_y(share, top)} L{LEFT + (place + 1) * width:.1f},{_y(share, top)}"
        parts.append(Markup('<path class="{}" d="{} L{},{} Z"/>').format(kind, path, WIDTH - RIGHT, _y(0, top)))
    return _svg(parts, "distributions before and now") + _legend([("ref", "reference"), ("win", "this window")])


def bars(before: Mapping[str, float], after: Mapping[str, float], most: int = 8) -> Markup:
    """Returns the shares of categories in the reference and in the window, the largest changes first."""
    names = sorted({*before, *after}, key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name))[:most]
    if not names:
        return Markup("")
    height, parts = 34 * len(names) + 8, []
    room = WIDTH - 240 - 60
    for place, name in enumerate(names):
        y = 6 + 34 * place
        shown = name if len(name) <= 28 else name[:27] + "…"
        parts.append(
            Markup('<text class="tick" x="228" y="{}" text-anchor="end">{}<title>{}</title></text>').format(
                y + 18, shown, name
            )
        )
        for row, (kind, share) in enumerate((("ref", before.get(name, 0.0)), ("win", after.get(name, 0.0)))):
            parts.append(
                Markup(
                    '<rect class="{}" x="240" y="{}" width="{:.1f}" height="12"/>'
                    '<text class="tick small" x="{:.1f}" y="{}">{}</text>'
                ).format(
                    kind, y + 13 * row, max(1.0, room * share), 246 + room * share, y + 10 + 13 * row, f"{share:.1%}"
                )
            )
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="shares before and now">{}</svg>').format(
        WIDTH, height, Markup("").join(parts)
    )
    return svg + _legend([("ref", "reference"), ("win", "this window")])


def nice(value: float) -> float:
    """Returns the next larger round number: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def _stretches(points: Sequence[ChartPoint]) -> list[list[tuple[int, float, ChartPoint]]]:
    """Returns the stretches of points between gaps."""
    stretches: list[list[tuple[int, float, ChartPoint]]] = [[]]
    for place, point in enumerate(points):
        if point.value is None:
            stretches.append([])
        else:
            stretches[-1].append((place, point.value, point))
    return [stretch for stretch in stretches if stretch]


def _binned(values: Sequence[float], low: float, high: float) -> list[float]:
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int((value - low) / (high - low) * BINS)))] += 1
    return [count / len(values) for count in counts]


def _x(place: float, count: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / max(1, count), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, value / top), 1)


def _axis(top: float, say: Callable[[float], str]) -> Markup:
    parts = []
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        parts.append(Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, y, y))
        text = say(value)
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, y + 4, text)
        )
    return Markup("").join(parts)


def _below(x: float, text: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        x, HEIGHT - BOTTOM + 16, text
    )


def _caption(text: str) -> Markup:
    x = (LEFT + WIDTH - RIGHT) / 2
    return Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(x, HEIGHT - 6, text)


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )


def _legend(entries: Sequence[tuple[str, str]]) -> Markup:
    items = (Markup('<span><i class="{}"></i>{}</span>').format(kind, escape(name)) for kind, name in entries)
    return Markup('<p class="legend">{}</p>').format(Markup("").join(items))
