"""Counts of windows in a row, added up: their chance is exact, and few requests an hour are enough."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from drift.reference.pooled_rate import (
    LEVEL,
    chance_of_more,
    goes_on,
    most_of_window,
    pooled_chance,
    pooled_change,
    pooled_scatter,
)
from otel.contract.drift_verdict import RareCount
from tests.drift_rates import WEEK, FailingService, hours_until_found, outcomes, span_tests_of, usual

NIGHT = FailingService(seed=3, rows=1000, day=0.9)
"""At night it has 400 requests an hour."""
EXPECTED = usual(NIGHT)


@pytest.mark.parametrize(
    ("count", "requests", "rate", "scatter"),
    [(0, 10, 0.1, 0.0), (17, 720, 0.004, 1e-4), (30, 240_000, 1e-5, 1e-7), (130_000, 240_000, 0.5, 1e-3)],
)
def test_the_chance_of_so_many_is_that_of_the_beta_binomial(count: int, requests: int, rate: float, scatter: float):
    concentration = 1 / max(scatter, 1e-9) - 1
    exact = stats.betabinom(requests, rate * concentration, (1 - rate) * concentration)
    expected = 1 - float(exact.cdf(count - 1)) if count < requests * rate * 1.5 else float(exact.sf(count - 1))
    assert chance_of_more(count, requests, rate, scatter) == pytest.approx(expected, rel=1e-4)


def test_different_usual_rates_are_added_up():
    counts = [RareCount(3, 200, 0.01), RareCount(1, 800, 0.001)]
    assert pooled_chance(counts, 0.0) == pytest.approx(float(stats.binom.sf(3, 1000, 0.0028)), rel=1e-3)
    assert pooled_change(counts) == pytest.approx(0.0012)


def test_a_scatter_is_measured_from_windows_in_a_row():
    rng = np.random.default_rng(1)
    counts = {n: RareCount(int(rng.binomial(400, rng.beta(4, 996))), 400, 0.004) for n in range(2000)}
    following = [n % 100 > 0 for n in range(2000)]
    # a window's rate has the correlation 0.001, and four of them together a quarter of it; these are upper bounds
    assert 0.001 < pooled_scatter(counts, following, 1, 2000) < 0.002
    assert 0.00025 < pooled_scatter(counts, following, 4, 500) < 0.0006
    assert pooled_scatter({n: counts[n] for n in range(20)}, following, 4, 20) == np.inf


def test_few_requests_an_hour_are_enough_together():
    since = WEEK + 24
    hours = [hours_until_found(NIGHT, EXPECTED, since + 24 * day) for day in range(5)]
    assert max(hours) <= 3
    assert min(pooled_chance([RareCount(9, 400, 0.004)] * size, 1e-4) for size in (2, 3)) < LEVEL


def test_nothing_is_found_where_nothing_has_changed():
    assert not any(test.windows for test in span_tests_of(list(NIGHT.hours(4 * WEEK))[WEEK:], EXPECTED))


def test_one_terrible_hour_is_no_drift_and_what_is_over_has_ended():
    quiet, terrible, worse = outcomes(2, 400), outcomes(200, 400), outcomes(10, 400)
    alone = list(span_tests_of([quiet, terrible, quiet, quiet], EXPECTED))
    assert not any(test.windows for test in alone)
    assert alone[1].counts[-1].count == most_of_window(400, 1 - EXPECTED.usual, EXPECTED.scatter, 5.0) < 20
    assert goes_on([RareCount(10, 400, 0.004), RareCount(7, 400, 0.004)], 1e-4)
    over = list(span_tests_of([worse, worse, worse, worse, outcomes(0, 400)], EXPECTED))
    assert over[3].windows
    assert not over[3].result.ok
    assert abs(over[3].result.value) >= over[3].result.bound
    assert not over[4].windows
