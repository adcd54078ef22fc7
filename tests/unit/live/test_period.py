"""The step of a period, and the values of Grafana's variables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dashboards.live.period import DEFAULT_PERIOD, MAX_POINTS, PERIODS, SCRAPE_SECONDS, STEPS, Window, step_for

DATA_SOURCES = Path(__file__).parents[3] / "dashboards" / "provisioning" / "datasources" / "ttscope.yaml"


def test_periods_go_from_15_minutes_to_30_days() -> None:
    assert list(PERIODS.values()) == [900, 3600, 21_600, 86_400, 604_800, 2_592_000]


@pytest.mark.parametrize("name", PERIODS)
def test_a_window_knows_its_period(name: str) -> None:
    assert Window.until(1_800_000_001.3, PERIODS[name]).period == name
    assert Window(0, 77, 10).period == DEFAULT_PERIOD


@pytest.mark.parametrize("seconds", PERIODS.values())
def test_the_step_is_the_smallest_within_the_maximum_of_points(seconds: int) -> None:
    step = step_for(seconds)
    assert seconds / step <= MAX_POINTS
    finer = [other for other in STEPS if other < step]
    assert all(seconds / other > MAX_POINTS for other in finer)


@pytest.mark.parametrize("seconds", PERIODS.values())
def test_windows_within_a_step_are_equal(seconds: int) -> None:
    window = Window.until(1_800_000_001.3, seconds)
    assert window.start % window.step == window.end % window.step == 0
    assert window.end - window.start == seconds
    assert window.end >= 1_800_000_001
    assert Window.until(window.end - 0.01, seconds) == window
    assert Window.until(window.end + 0.01, seconds) != window


def test_the_rate_interval_is_calculated_as_in_grafana() -> None:
    assert Window(0, 900, 10).rate_interval == "40s"  # never less than four scrapes
    assert Window(0, 86_400, 600).rate_interval == "610s"  # a step and a scrape: no sample falls between two steps
    assert Window(0, 86_400, 600).span == "86400s"


def test_a_range_of_one_step_has_rates_over_all_of_it() -> None:
    window = Window.of_one_step(1_800_000_000, 1_800_000_093)
    assert window.rate_interval == window.span == "93s"
    with pytest.raises(ValueError, match="rates need a range of 40 seconds, not 39"):
        Window.of_one_step(0, 39)


def test_grafana_has_the_same_scrape_interval() -> None:
    sources = yaml.safe_load(DATA_SOURCES.read_text())["datasources"]
    [prometheus] = [source for source in sources if source["type"] == "prometheus"]
    assert prometheus["jsonData"]["timeInterval"] == f"{SCRAPE_SECONDS}s"
