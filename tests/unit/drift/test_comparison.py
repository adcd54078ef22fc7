"""Two builds, voices or periods are compared at equal length; an exit code tells whether to deploy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drift.verdict.comparison import Comparison, ComparisonOutcome, Difference, Direction, compare
from tests.drift_traffic import MONDAY, Hour, rows_of

USUAL = Hour(rows=800)


def rows(seed: int, hour: Hour = USUAL) -> pd.DataFrame:
    return rows_of(hour, MONDAY, np.random.default_rng(seed))


def different(comparison: Comparison) -> dict[str, Difference]:
    return {d.column: d for d in comparison.columns if d.outcome is ComparisonOutcome.DIFFERENT}


def test_equal_sides_are_the_same():
    comparison = compare(rows(1), rows(2))
    assert (comparison.state, comparison.exit_code) == (ComparisonOutcome.SAME, 0)
    assert comparison.rows == (800, 800)
    assert comparison.by_voice


def test_a_slower_build_is_worse_by_how_much_and_stops_a_deployment():
    comparison = compare(rows(1), rows(2, replace(USUAL, latency=1.5)))
    assert (comparison.state, comparison.exit_code) == (ComparisonOutcome.DIFFERENT, 3)
    factor = different(comparison)["real_time_factor"]
    assert factor.direction is Direction.WORSE
    assert factor.ratio == pytest.approx(1.5, rel=0.06)
    assert factor.after / factor.before == pytest.approx(1.5, rel=0.06)
    assert factor.p is not None
    assert factor.p < 0.01


def test_a_faster_one_is_told_and_may_be_deployed():
    comparison = compare(rows(1), rows(2, replace(USUAL, latency=0.6)))
    assert comparison.exit_code == 0
    assert {d.direction for d in different(comparison).values()} == {Direction.BETTER}
    assert "latency" in different(comparison)


def test_faster_but_failing_may_not():
    comparison = compare(rows(1), rows(2, replace(USUAL, latency=0.6, errors=0.08)))
    assert comparison.exit_code == 3
    assert different(comparison)["errors"].direction is Direction.WORSE


def test_longer_texts_make_no_difference():
    for times in (0.6, 1.5, 2.5):
        assert different(compare(rows(1), rows(2, replace(USUAL, words=times)))) == {}


def test_another_mix_of_voices_and_of_hits_makes_no_difference():
    voices = np.array([0.15, 0.25, 0.15, 0.40, 0.05])
    assert different(compare(rows(1), rows(2, replace(USUAL, voices=voices, hits=0.5, streams=0.2)))) == {}


def test_a_significant_but_small_difference_is_the_same():
    big = replace(USUAL, rows=5000)
    comparison = compare(rows(1, big), rows(2, replace(big, latency=1.05)))
    assert comparison.exit_code == 0
    assert compare(rows(1, big), rows(2, replace(big, latency=1.05)), effect=0.3).exit_code == 3


def test_what_only_sounds_different_is_different():
    comparison = compare(rows(1), rows(2, replace(USUAL, loudness=-3)))
    assert different(comparison)["loudness"].direction is Direction.OTHER
    assert comparison.exit_code == 3


def test_two_voices_are_compared_with_each_other():
    one = rows(1, replace(USUAL, rows=3000))
    comparison = compare(one[one["voice"] == "joe"], one[one["voice"] == "hibari"])
    assert not comparison.by_voice
    found = different(comparison)
    assert found["real_time_factor"].ratio == pytest.approx(0.35 * 0.0535 / 0.0575, rel=0.15)
    assert found["loudness"].after - found["loudness"].before == pytest.approx(1.5, abs=0.3)


@pytest.mark.parametrize("few", [0, 1, 50])
def test_too_few_requests_on_either_side_are_insufficient_data(few):
    for a, b in ((rows(1).iloc[:few], rows(2)), (rows(1), rows(2).iloc[:few]), (pd.DataFrame(), rows(2))):
        comparison = compare(a, b)
        assert (comparison.state, comparison.exit_code) == (ComparisonOutcome.INSUFFICIENT_DATA, 4)


def test_sides_that_have_no_length_in_common_are_insufficient_data():
    short, long = rows(1), rows(2)
    short["characters"], long["characters"] = 20.0, 3000.0
    comparison = compare(short, long)
    assert comparison.state is ComparisonOutcome.INSUFFICIENT_DATA
    latency = next(d for d in comparison.columns if d.column == "latency")
    assert latency.outcome is ComparisonOutcome.INSUFFICIENT_DATA
    assert latency.left_out > 1000


def test_it_is_the_same_whenever_it_is_asked():
    slower = rows(2, replace(USUAL, latency=1.3))
    assert compare(rows(1), slower) == compare(rows(1), slower)


def test_missing_columns_and_values_that_are_none_are_no_crash():
    spoilt = rows(2).drop(columns=["loudness", "provider", "streamed"])
    spoilt["duration"] = np.inf
    comparison = compare(rows(1), spoilt)
    assert comparison.state is ComparisonOutcome.INSUFFICIENT_DATA


def test_equal_sides_are_called_different_once_in_a_hundred_times_at_most():
    calls = sum(
        compare(rows(seed, replace(USUAL, rows=400)), rows(1000 + seed, replace(USUAL, rows=400))).exit_code == 3
        for seed in range(40)
    )
    assert calls <= 2
