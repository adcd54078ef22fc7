"""The forecast of the next week's requests, and the error that it states."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from drift.accounts.forecast import BASELINE, WEEK_HOURS, forecast

START = datetime(2026, 11, 30, tzinfo=UTC)
USUAL = np.concatenate([np.full(24, level) for level in (100.0, 110.0, 120.0, 110.0, 100.0, 40.0, 20.0)])


def noisy(weeks: list[float], seed: int = 1) -> list[float]:
    """The hours of weeks that are so many times the usual one, with the noise of counts."""
    generator = np.random.default_rng(seed)
    return [float(count) for level in weeks for count in generator.poisson(USUAL * level)]


def test_a_week_that_repeats_itself_is_forecast_without_error() -> None:
    expected = forecast([*USUAL] * 4, START)
    assert [day.requests for day in expected.days] == [*USUAL.reshape(7, 24).sum(axis=1)]
    assert expected.days[6].start == datetime(2026, 12, 6, tzinfo=UTC)
    assert expected.error is not None
    assert (expected.error.weeks, expected.error.total, expected.error.daily) == (2, 0.0, 0.0)
    assert expected.range == (expected.requests, expected.requests)


def test_two_weeks_have_a_forecast_without_an_error() -> None:
    expected = forecast([*USUAL] * 2, START)
    assert (expected.method, expected.error, expected.range) == (BASELINE, None, None)
    assert expected.requests == USUAL.sum()


@pytest.mark.parametrize("hours", [0, WEEK_HOURS, 2 * WEEK_HOURS + 1])
def test_other_lengths_are_refused(hours: int) -> None:
    with pytest.raises(ValueError, match="whole weeks"):
        forecast([1.0] * hours, START)


def test_the_error_is_that_of_weeks_the_forecast_had_not_seen() -> None:
    hourly = [*USUAL, *USUAL, *USUAL, *(USUAL * 2)]
    expected = forecast(hourly, START)
    assert expected.error is not None
    assert expected.error.worst_total == pytest.approx(0.5)  # the doubled week came without a sign
    assert expected.error.total == pytest.approx(0.25)
    low, high = expected.range or (0.0, 0.0)
    assert low == pytest.approx(0.5 * expected.requests)
    assert high == pytest.approx(1.5 * expected.requests)


def test_noise_is_averaged_and_the_stated_error_holds_on_the_next_week() -> None:
    stated, actual, baseline = [], [], []
    for seed in range(20):
        hourly = noisy([1.0] * 9, seed)
        expected = forecast(hourly[: 8 * WEEK_HOURS], START)
        assert expected.error is not None
        truth = np.asarray(hourly[8 * WEEK_HOURS :]).reshape(7, 24).sum(axis=1)
        days = np.asarray([day.requests for day in expected.days])
        actual.append(np.abs(days - truth).sum() / truth.sum())
        stated.append(expected.error.daily)
        baseline.append(expected.error.baseline_daily)
    assert np.mean(stated) == pytest.approx(np.mean(actual), rel=0.25)
    assert np.mean(stated) < 0.95 * np.mean(baseline)


def test_growth_is_continued() -> None:
    weeks = [1.1**week for week in range(8)]
    hourly = [float(count) for level in weeks for count in USUAL * level]
    expected = forecast(hourly, START)
    assert expected.method != BASELINE
    assert expected.requests > hourly[-WEEK_HOURS:][0] * USUAL.sum() / USUAL[0]


def test_weeks_without_requests_do_no_harm() -> None:
    expected = forecast([0.0] * 3 * WEEK_HOURS, START)
    assert (expected.requests, expected.error) == (0.0, None)
    ended = forecast([*USUAL, *USUAL, *([0.0] * WEEK_HOURS), *([0.0] * WEEK_HOURS)], START)
    assert np.isfinite(ended.requests)
