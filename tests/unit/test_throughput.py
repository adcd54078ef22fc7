"""How fast speech is made, as forecasts are told."""

from __future__ import annotations

import pytest

from server.scheduling.throughput import HALF_LIFE_SECONDS, Throughput


def measured(rate: float, seconds: float, throughput: Throughput | None = None) -> Throughput:
    """So many seconds at ``rate``, in steps of a tenth."""
    throughput = throughput or Throughput()
    for _ in range(round(seconds * 10)):
        throughput.add(rate / 10, 0.1)
    return throughput


def test_before_there_is_a_measurement_it_believes_what_it_is_told() -> None:
    throughput = Throughput(rate=3.0)
    assert throughput.rate == 3.0
    throughput.reset(40.0)
    assert throughput.rate == 40.0


def test_it_tells_what_it_measures() -> None:
    assert measured(25.0, seconds=200).rate == pytest.approx(25.0, rel=0.01)


def test_steps_without_audio_are_work_too() -> None:
    throughput = Throughput()
    for _ in range(1000):
        throughput.add(0.0, 0.1)  # encoded
        throughput.add(3.0, 0.1)  # decoded
    assert throughput.rate == pytest.approx(15.0, rel=0.01)


def test_after_a_half_life_of_work_the_old_measurement_counts_half() -> None:
    throughput = measured(30.0, seconds=500)
    measured(10.0, HALF_LIFE_SECONDS, throughput)
    assert throughput.rate == pytest.approx(20.0, rel=0.01)


def test_only_work_ages_a_measurement() -> None:
    throughput = measured(30.0, seconds=500)
    before = throughput.rate
    throughput.add(0.0, 0.0)
    assert throughput.rate == before


def test_a_first_measurement_is_soon_corrected() -> None:
    throughput = Throughput()
    throughput.reset(100.0)
    assert measured(10.0, HALF_LIFE_SECONDS, throughput).rate == pytest.approx(10.0, rel=0.5)
