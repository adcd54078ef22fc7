"""Confidence sequences hold at all times at once, and are narrow enough to decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from drift.columns.reader import Floats
from drift.sequential.builds import ERROR, BuildSums, Margins
from drift.sequential.confidence import Sample, difference_evidence, of_difference, of_mean
from otel.contract.drift_changes import ChangeMeasure

MARGIN = Margins().word_error_rate
ERROR_OF_MEASURE = ERROR / len(ChangeMeasure)


def words(rng: np.random.Generator, mean: float, count: int) -> Floats:
    """Word error rates of clips of 5 to 40 words."""
    length = rng.integers(5, 41, count)
    return rng.binomial(length, mean) / length


def failures(rng: np.random.Generator, mean: float, count: int) -> Floats:
    return (rng.random(count) < mean).astype(float)


def test_the_interval_of_a_mean_holds_at_all_times_at_once() -> None:
    """Of 400 series that are looked at after every value, as few leave the interval as the error says."""
    rng, error, left = np.random.default_rng(0), 0.1, 0
    for _ in range(400):
        values = rng.normal(0.1, 0.2, 300)
        means = np.cumsum(values) / np.arange(1, 301)
        left += any(
            not (of_mean(means[n], 0.04 / (n + 1), error)[0] <= 0.1 <= of_mean(means[n], 0.04 / (n + 1), error)[1])
            for n in range(0, 300, 3)
        )
    assert left <= 400 * error
    assert math.isfinite(sum(of_mean(0.0, 1e-9, error)))


@pytest.mark.parametrize("values", [words, failures])
@pytest.mark.parametrize("difference", [0.0, 0.03])
def test_the_true_difference_is_seldom_refuted_at_any_time(values: object, difference: float) -> None:
    assert callable(values)
    rng, error, refuted = np.random.default_rng(3), 0.1, 0
    for _ in range(200):
        mine, others, sides = values(rng, 0.04 + difference, 400), values(rng, 0.04, 400), (Sample(), Sample())
        for start in range(0, 400, 40):
            part = slice(start, start + 40)
            sides = sides[0].with_values(mine[part]), sides[1].with_values(others[part])
            if difference_evidence(*sides, difference) > math.log(1.0 / error):
                refuted += 1
                break
    assert refuted <= 200 * error


def test_the_interval_is_what_the_evidence_does_not_refute() -> None:
    rng, error = np.random.default_rng(4), 0.05
    sample, others = Sample().with_values(words(rng, 0.08, 300)), Sample().with_values(words(rng, 0.05, 900))
    low, high = of_difference(sample, others, error)
    assert low < sample.mean - others.mean < high
    for edge in (low, high):
        assert difference_evidence(sample, others, edge) == pytest.approx(math.log(1.0 / error), abs=0.01)
    assert of_difference(others, sample, error) == pytest.approx((-high, -low), abs=1e-5)


def test_without_values_nothing_is_refuted() -> None:
    assert of_difference(Sample(), Sample(), 0.01) == (-1.0, 1.0)
    low, high = of_difference(Sample().with_values(np.ones(20)), Sample().with_values(np.zeros(2000)), 0.1)
    assert low > 0.7
    assert high == 1.0


def test_values_in_parts_have_the_sums_of_all_at_once() -> None:
    values = words(np.random.default_rng(5), 0.1, 90)
    parts = (
        Sample().with_values(values[:1]).with_values(values[1:40]).with_values(values[40:40]).with_values(values[40:])
    )
    whole = Sample().with_values(values)
    assert (parts.count, parts.total) == (whole.count, pytest.approx(whole.total))
    assert parts.scatter == pytest.approx(whole.scatter)
    before = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    means = (before + 0.5) / (np.arange(90) + 1.0)
    assert whole.scatter == pytest.approx(float(((values - means) ** 2).sum()))


def test_sums_of_earlier_versions_have_no_scatter_and_stay_so() -> None:
    old = BuildSums(50, 2.0, 400, 20.0)
    old.add(np.array([0.1, 0.2]), np.array([0.0]))
    assert (old.count, old.others, old.scatter, old.scatter_of_others) == (52, 401, None, None)
    assert old.sample.evidence(0.5) > math.log(100.0)


@dataclass(frozen=True, slots=True)
class Decided:
    """Shares of builds of which it was decided in time."""

    worse: float = 0.0
    no_worse: float = 0.0


def decided(mean: float, clips: int, *, scatter: bool = True, builds: int = 8) -> Decided:
    """Looks after every 50 clips of a build; the others, with 0.05, have 3,000 clips."""
    rng = np.random.default_rng(6)
    worse = no_worse = 0
    others = Sample().with_values(words(rng, 0.05, 3000))
    for _ in range(builds):
        sample = Sample()
        for _ in range(clips // 50):
            sample = sample.with_values(words(rng, mean, 50))
            judged = sample if scatter else Sample(sample.count, sample.total)
            low, high = of_difference(judged, others, ERROR_OF_MEASURE)
            if low > 0.0 and sample.mean - others.mean > MARGIN:
                worse += 1
                break
            if high < MARGIN:
                no_worse += 1
                break
    return Decided(worse / builds, no_worse / builds)


def test_an_equal_build_is_no_worse_after_some_hundred_checked_clips() -> None:
    assert decided(0.05, 600) == Decided(no_worse=1.0)
    assert decided(0.05, 600, scatter=False).no_worse < 0.2


def test_a_build_that_is_worse_is_found_and_one_at_the_margin_is_not_called_no_worse() -> None:
    assert decided(0.15, 300) == Decided(worse=1.0)
    assert decided(0.05 + MARGIN, 600).no_worse == 0.0
