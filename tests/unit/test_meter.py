"""How fast speech is made, as forecasts are told."""

from __future__ import annotations

import pytest

from server.scheduling.throughput import HALF_LIFE_SECONDS, Meter


def measured(rate: float, seconds: float, meter: Meter | None = None) -> Meter:
    """So many seconds at ``rate``, in steps of a tenth."""
    meter = meter or Meter()
    for _ in range(round(seconds * 10)):
        meter.add(rate / 10, 0.1)
    return meter


def test_before_there_is_a_measurement_it_believes_what_it_is_told() -> None:
    meter = Meter(rate=3.0)
    assert meter.rate == 3.0
    meter.presume(40.0)
    assert meter.rate == 40.0


def test_it_tells_what_it_measures() -> None:
    assert measured(25.0, seconds=200).rate == pytest.approx(25.0, rel=0.01)


def test_steps_without_audio_are_work_too() -> None:
    meter = Meter()
    for _ in range(1000):
        meter.add(0.0, 0.1)  # encoded
        meter.add(3.0, 0.1)  # decoded
    assert meter.rate == pytest.approx(15.0, rel=0.01)


def test_after_a_half_life_of_work_the_old_measurement_counts_half() -> None:
    meter = measured(30.0, seconds=500)
    measured(10.0, HALF_LIFE_SECONDS, meter)
    assert meter.rate == pytest.approx(20.0, rel=0.01)


def test_only_work_ages_a_measurement() -> None:
    meter = measured(30.0, seconds=500)
    before = meter.rate
    meter.add(0.0, 0.0)
    assert meter.rate == before


def test_a_first_measurement_is_soon_corrected() -> None:
    meter = Meter()
    meter.presume(100.0)
    assert measured(10.0, HALF_LIFE_SECONDS, meter).rate == pytest.approx(10.0, rel=0.5)
