"""Values as people read them, and the marks of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from dashboards.panel import Unit

NOTHING = "-"
THOUSANDS = ((1e9, " bn"), (1e6, " M"), (1e3, " k"), (1.0, ""))
SECONDS = ((86_400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s"), (1e-3, " ms"), (1e-6, " µs"))
BYTES = ((2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B"))
SCALES: dict[Unit, Sequence[tuple[float, str]]] = {
    Unit.NUMBER: THOUSANDS,
    Unit.SECONDS: SECONDS,
    Unit.BYTES: BYTES,
    Unit.PER_SECOND: ((1.0, "/s"),),
    Unit.REQUESTS_PER_SECOND: ((1.0, "/s"),),
    Unit.SHARE: ((0.01, " %"),),
    Unit.PERCENT: ((1.0, " %"),),
    Unit.WATTS: ((1e3, " kW"), (1.0, " W")),
    Unit.CELSIUS: ((1.0, " °C"),),
    Unit.STATE: ((1.0, ""),),
    Unit.TIME: ((1.0, ""),),
}
"""What a value is divided by, and what is written behind it, the largest first."""
MARKS = 4
"""Of an axis, about."""


def write(value: float, unit: Unit, now: float = 0.0) -> str:
    """The value with three digits and its unit; a dash if there is none.

    now: seconds since 1970, for moments (Unit.TIME).
    """
    if math.isnan(value):
        return NOTHING
    if unit is Unit.STATE:
        return "yes" if value else "no"
    if unit is Unit.TIME:
        return _ago(now - value / 1e3)
    divisor, suffix = scale(unit, abs(value))
    nearly_all = unit is Unit.SHARE and 0.99 < value < 1  # 99.47 % is not the 99.5 % that was promised
    return f"{digits(value / divisor, 4 if nearly_all else 3)}{suffix}"


def scale(unit: Unit, most: float) -> tuple[float, str]:
    """What an axis up to ``most`` divides by, and writes behind."""
    steps = SCALES[unit]
    return next((step for step in steps if most >= step[0] * 0.9995), steps[-1]) if most else _whole(steps)


def digits(value: float, count: int = 3) -> str:
    """So many digits that count: 0.00123, 1.2, 34.5, 123, 1,234."""
    if value == 0:
        return "0"
    places = max(0, count - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def marks(unit: Unit, most: float, least: float = 0.0) -> tuple[list[float], list[str]]:
    """Where an axis from ``least`` to ``most`` is marked, and what is written there: 1, 2 or 5 of something."""
    divisor, suffix = scale(unit, max(abs(most), abs(least)))
    room = (most - least) / divisor
    if room <= 0:
        return [0.0], [f"0{suffix}"]
    raw = room / MARKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if raw <= factor * power * 1.0001)
    first, last = math.ceil(least / divisor / step - 1e-9), math.floor(most / divisor / step + 1e-9)
    places = [number * step for number in range(first, last + 1)]
    return [place * divisor for place in places], [f"{digits(round(place, 9))}{suffix}" for place in places]


def _whole(steps: Sequence[tuple[float, str]]) -> tuple[float, str]:
    return next((step for step in steps if step[0] == 1.0), steps[-1])


def _ago(seconds: float) -> str:
    if abs(seconds) < 1:
        return "now"
    text = write(float(round(abs(timedelta(seconds=seconds)).total_seconds())), Unit.SECONDS)
    return f"{text} ago" if seconds > 0 else f"in {text}"
