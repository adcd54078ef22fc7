"""Distances are the ones that everybody else computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance as scipy_distance

from drift.reference import distance

FLOATS = st.lists(st.floats(-1e3, 1e3, allow_nan=False, width=32), min_size=1, max_size=60)
COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 500), min_size=1)


@settings(deadline=None)
@given(FLOATS, FLOATS)
def test_wasserstein_is_scipys_in_standard_deviations_of_the_reference(reference, current):
    reference, current = np.sort(np.array(reference)), np.sort(np.array(current))
    expected = stats.wasserstein_distance(reference, current) / max(np.std(reference), 0.001)
    assert distance.wasserstein(reference, current) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_of_twenty_thousand_and_a_thousand_too():
    rng = np.random.default_rng(0)
    reference, current = np.sort(rng.normal(size=20_000)), np.sort(rng.normal(0.1, 1.2, 1000))
    expected = stats.wasserstein_distance(reference, current) / np.std(reference)
    assert distance.wasserstein(reference, current) == pytest.approx(expected, abs=1e-12)


def test_a_shift_by_one_deviation_is_one():
    reference = np.sort(np.random.default_rng(0).normal(size=5000))
    assert distance.wasserstein(reference, reference + np.std(reference)) == pytest.approx(1.0)


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys(reference, current):
    names = sorted({*reference, *current})
    left, right = ([counts.get(name, 0) for name in names] for counts in (reference, current))
    expected = scipy_distance.jensenshannon(left, right)
    assert distance.jensen_shannon(reference, current) == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-7)


def test_a_distance_from_or_to_nothing_is_refused():
    some = np.array([1.0])
    for left, right in ((some, some[:0]), (some[:0], some)):
        with pytest.raises(ValueError, match="nothing"):
            distance.wasserstein(left, right)
    for left, right in (({"a": 1}, {}), ({}, {"a": 1}), ({"a": 1}, {"a": 0})):
        with pytest.raises(ValueError, match="nothing"):
            distance.jensen_shannon(left, right)


def test_the_stability_index_of_equal_samples_is_nothing_and_of_a_shift_by_half_a_deviation_a_quarter():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=20_000)
    assert distance.stability_of_numbers(reference, rng.normal(size=5000)) < 0.01
    assert distance.stability_of_numbers(reference, rng.normal(0.5, 1, 5000)) == pytest.approx(0.25, abs=0.03)


def test_the_stability_index_of_a_constant_or_of_a_value_never_seen_is_a_number():
    constant = np.zeros(500)
    assert distance.stability_of_numbers(constant, constant) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(distance.stability_of_numbers(constant, constant + 1))
    assert distance.stability_of_categories({"a": 900, "b": 100}, {"a": 500, "c": 500}) > 1
