"""A window's deviation is as rare as it says, for numbers and for rates."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from drift.columns.columns import BY_NAME
from drift.reference.usual_value import UsualValue, fit, midmean, rate_deviation
from tests.drift_traffic import HOUR, MONDAY

LATENCY, ERRORS = BY_NAME["latency"], BY_NAME["errors"]
WEEK = 168
STARTS = [MONDAY + number * HOUR for number in range(WEEK)]
FOLLOWING = [False, *(after - before == HOUR for before, after in pairwise(STARTS))]


def numbers(middle: float, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(middle, 0.1, 400)


def outcomes(errors: int, number: int) -> np.ndarray:
    return np.array(["error"] * errors + ["ok"] * (number - errors), dtype=object)


def fitted(column, windows, groups=None) -> dict[int, UsualValue]:
    return fit(column, windows, STARTS, groups or [0] * WEEK, FOLLOWING, 4.0)


@pytest.mark.parametrize(
    ("count", "number", "rate"), [(24, 1000, 0.004), (6, 250, 0.004), (150, 1000, 0.25), (0, 400, 0.01)]
)
def test_without_scatter_the_p_value_is_the_binomial_one(count: int, number: int, rate: float):
    usual = stats.binom(number, rate)
    tail = usual.sf(count) if count > number * rate else usual.cdf(count - 1)
    expected = stats.norm.isf(tail + usual.pmf(count) / 2)
    assert abs(rate_deviation(count, number, rate, 0.0)) == pytest.approx(expected, rel=1e-3)
    assert np.sign(rate_deviation(count, number, rate, 0.0)) == np.sign(count - number * rate)


def test_a_rate_that_varies_makes_the_same_count_less_rare():
    certain, varying = rate_deviation(24, 1000, 0.004, 0.0), rate_deviation(24, 1000, 0.004, 0.0005)
    exact = stats.betabinom(1000, 0.004 * 1999, 0.996 * 1999)
    assert varying < certain
    assert varying == pytest.approx(stats.norm.isf(exact.sf(24) + exact.pmf(24) / 2), rel=1e-6)


def test_all_or_none_of_many_have_a_deviation():
    assert np.isfinite(rate_deviation(20_000, 20_000, 0.004, 1e-4))
    assert np.isfinite(rate_deviation(0, 20_000, 0.996, 1e-4))


def test_outliers_do_not_move_the_midmean():
    rng = np.random.default_rng(1)
    values = numbers(0.0, rng)
    outliers = np.concatenate((values, np.full(4, 1e6)))
    assert midmean(outliers)[0] == pytest.approx(midmean(values)[0], abs=0.01)
    many = [midmean(numbers(0.0, rng)) for _ in range(300)]
    measured = np.var([middle for middle, _ in many])
    assert np.mean([variance for _, variance in many]) == pytest.approx(measured, rel=0.25)


def test_windows_deviate_by_one_standard_deviation_of_the_past():
    rng = np.random.default_rng(2)
    moods = rng.normal(0, 0.03, WEEK)
    usual = fitted(LATENCY, [numbers(mood, rng) for mood in moods])[0]
    assert usual.scatter == pytest.approx(0.03, rel=0.2)
    later = [usual.deviation(LATENCY, numbers(rng.normal(0, 0.03), rng), start) for start in STARTS]
    assert np.std(later) == pytest.approx(1.0, abs=0.2)
    assert usual.deviation(LATENCY, numbers(0.1, rng), STARTS[0]) == pytest.approx(3, abs=0.7)
    assert usual.limit > 5.2


def test_a_daily_cycle_is_usual():
    rng = np.random.default_rng(3)
    waves = [0.03 * np.cos(2 * np.pi * start.hour / 24) for start in STARTS]
    usual = fitted(LATENCY, [numbers(wave + rng.normal(0, 0.005), rng) for wave in waves])[0]
    assert usual.cycle == pytest.approx((0.03, 0.0), abs=0.003)
    assert usual.change(LATENCY, numbers(0.03, rng), STARTS[0]) == pytest.approx(0.0, abs=0.01)
    assert usual.change(LATENCY, numbers(0.03, rng), STARTS[12]) == pytest.approx(0.06, abs=0.01)


def test_without_one_there_is_none():
    rng = np.random.default_rng(4)
    assert fitted(LATENCY, [numbers(rng.normal(0, 0.03), rng) for _ in STARTS])[0].cycle == (0.0, 0.0)


def test_neighbours_that_resemble_each_other_are_less_of_a_surprise():
    rng = np.random.default_rng(5)
    mood, moods = 0.0, []
    for _ in STARTS:
        mood = 0.7 * mood + rng.normal(0, 0.02)
        moods.append(mood)
    alike = fitted(LATENCY, [numbers(mood, rng) for mood in moods])[0]
    shuffled = fitted(LATENCY, [numbers(mood, rng) for mood in rng.permutation(moods)])[0]
    assert alike.correlation > shuffled.correlation
    assert alike.limit > shuffled.limit
    assert alike.together([2.0] * 6) < shuffled.together([2.0] * 6)


def test_a_rate_scatters_as_in_the_past():
    rng = np.random.default_rng(6)
    even = fitted(ERRORS, [outcomes(rng.binomial(1000, 0.01), 1000) for _ in STARTS])[0]
    uneven = fitted(ERRORS, [outcomes(rng.binomial(1000, rng.beta(4, 396)), 1000) for _ in STARTS])[0]
    assert even.usual == pytest.approx(0.99, abs=0.002)
    assert uneven.scatter > 5 * even.scatter
    worse = outcomes(30, 1000)
    assert even.deviation(ERRORS, worse, MONDAY) < -4
    assert even.deviation(ERRORS, worse, MONDAY) < uneven.deviation(ERRORS, worse, MONDAY) < -1


def test_each_group_of_hours_has_its_own_usual_value():
    rng = np.random.default_rng(7)
    groups = [int(start.hour in (2, 3)) for start in STARTS]
    both = fitted(LATENCY, [numbers(0.2 * group + rng.normal(0, 0.02), rng) for group in groups], groups)
    assert both[1].usual - both[0].usual == pytest.approx(0.2, abs=0.02)
    assert both[1].scatter >= both[0].scatter
    assert (both[0].windows, both[1].windows) == (154, 14)


def test_too_few_windows_or_values_have_none():
    rng = np.random.default_rng(8)
    assert fit(LATENCY, [numbers(0, rng)] * 4, STARTS[:4], [0] * 4, FOLLOWING[:4], 4.0) == {}
    assert fitted(LATENCY, [numbers(0, rng)[:20]] * WEEK) == {}
