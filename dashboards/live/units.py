"""Values formatted for people, and the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from dashboards.panel import Unit

NO_VALUE = "-"
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
"""The steps of each unit, the largest first: a divisor, and the suffix of a value divided by it."""
TICKS = 4
"""The approximate number of ticks on an axis."""


def format_value(value: float, unit: Unit, current_time: float = 0.0) -> str:
    """Returns the value with three significant digits and its unit; a dash for NaN.

    current_time: seconds since 1970, for Unit.TIME.
    """
    if math.isnan(value):
        return NO_VALUE
    if unit is Unit.STATE:
        return "yes" if value else "no"
    if unit is Unit.TIME:
        return _relative_time(current_time - value / 1e3)
    divisor, suffix = scale(unit, abs(value))
    nearly_all = unit is Unit.SHARE and 0.99 < value < 1  # 99.47 % is not the 99.5 % that was promised
    return f"{digits(value / divisor, 4 if nearly_all else 3)}{suffix}"


def scale(unit: Unit, maximum: float) -> tuple[float, str]:
    """Returns the divisor and the suffix of an axis up to ``maximum``."""
    steps = SCALES[unit]
    return next((step for step in steps if maximum >= step[0] * 0.9995), steps[-1]) if maximum else _base_step(steps)


def digits(value: float, count: int = 3) -> str:
    """Returns the value with ``count`` significant digits: 0.00123, 1.2, 34.5, 123, 1,234."""
    if value == 0:
        return "0"
    places = max(0, count - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ticks(unit: Unit, maximum: float, minimum: float = 0.0) -> tuple[list[float], list[str]]:
    """Returns the ticks of an axis and their labels, in steps of 1, 2 or 5 times a power of ten."""
    divisor, suffix = scale(unit, max(abs(maximum), abs(minimum)))
    span = (maximum - minimum) / divisor
    if span <= 0:
        return [0.0], [f"0{suffix}"]
    raw = span / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if raw <= factor * power * 1.0001)
    first, last = math.ceil(minimum / divisor / step - 1e-9), math.floor(maximum / divisor / step + 1e-9)
    places = [number * step for number in range(first, last + 1)]
    return [place * divisor for place in places], [f"{digits(round(place, 9))}{suffix}" for place in places]


def format_time(seconds: float, zone: tzinfo) -> str:
    """Returns a time as day, month, hours, minutes and seconds in the viewer's zone."""
    return f"{datetime.fromtimestamp(seconds, zone):%-d %b %H:%M:%S}"


def _base_step(steps: Sequence[tuple[float, str]]) -> tuple[float, str]:
    return next((step for step in steps if step[0] == 1.0), steps[-1])


def _relative_time(seconds: float) -> str:
    if abs(seconds) < 1:
        return "now"
    text = format_value(float(round(abs(timedelta(seconds=seconds)).total_seconds())), Unit.SECONDS)
    return f"{text} ago" if seconds > 0 else f"in {text}"
