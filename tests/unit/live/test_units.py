"""Values as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.live.units import SCALES, format_value, ticks
from dashboards.panel import Unit

WRITTEN = [
    (0.0, Unit.SECONDS, "0 s"),
    (0.000_25, Unit.SECONDS, "250 µs"),
    (0.32, Unit.SECONDS, "320 ms"),
    (0.9999, Unit.SECONDS, "1 s"),
    (1.504, Unit.SECONDS, "1.5 s"),
    (90.0, Unit.SECONDS, "1.5 min"),
    (7200.0, Unit.SECONDS, "2 h"),
    (0.1234, Unit.SHARE, "12.3 %"),
    (0.9947, Unit.SHARE, "99.47 %"),
    (1.0, Unit.SHARE, "100 %"),
    (80.0, Unit.PERCENT, "80 %"),
    (1536.0, Unit.BYTES, "1.5 KiB"),
    (8e9, Unit.BYTES, "7.45 GiB"),
    (1234.0, Unit.NUMBER, "1.23 k"),
    (12.0, Unit.NUMBER, "12"),
    (0.052, Unit.REQUESTS_PER_SECOND, "0.052/s"),
    (71.26, Unit.CELSIUS, "71.3 °C"),
    (250.0, Unit.WATTS, "250 W"),
    (1.0, Unit.STATE, "yes"),
    (0.0, Unit.STATE, "no"),
    (-0.5, Unit.SECONDS, "-500 ms"),
    (math.nan, Unit.SECONDS, "-"),
]


@pytest.mark.parametrize(("value", "unit", "text"), WRITTEN)
def test_a_value_is_written(value: float, unit: Unit, text: str) -> None:
    assert format_value(value, unit) == text


def test_a_moment_is_written_by_how_long_ago_it_was() -> None:
    assert format_value(1_000_000.0, Unit.TIME, current_time=1180.0) == "3 min ago"
    assert format_value(1_180_000.0, Unit.TIME, current_time=1180.0) == "now"
    assert format_value(1_240_000.0, Unit.TIME, current_time=1180.0) == "in 1 min"


def test_every_unit_can_be_written() -> None:
    assert set(SCALES) == set(Unit)


@pytest.mark.parametrize(
    ("unit", "maximum", "texts"),
    [
        (Unit.SECONDS, 2.1, ["0 s", "1 s", "2 s"]),
        (Unit.SECONDS, 0.09, ["0 ms", "50 ms"]),
        (Unit.SHARE, 1.0, ["0 %", "50 %", "100 %"]),
        (Unit.BYTES, 3.5 * 2**30, ["0 GiB", "1 GiB", "2 GiB", "3 GiB"]),
        (Unit.NUMBER, 4.0, ["0", "1", "2", "3", "4"]),
    ],
)
def test_ticks_are_round_numbers_of_one_unit(unit: Unit, maximum: float, texts: list[str]) -> None:
    assert ticks(unit, maximum)[1] == texts


@given(st.floats(1e-9, 1e12), st.sampled_from([unit for unit in Unit if unit is not Unit.TIME]))
def test_ticks_lie_on_the_axis_and_are_few(maximum: float, unit: Unit) -> None:
    places, texts = ticks(unit, maximum)
    assert 2 <= len(places) == len(texts) <= 6
    assert places[0] == 0
    assert places[-1] <= maximum * 1.001
    assert places == sorted(places)
