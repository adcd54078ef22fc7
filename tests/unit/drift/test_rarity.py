"""How rare a distance is: by its distribution, by how many windows tell, and by how much they resemble each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from drift.reference.rarity import correlation, safety, shape, sure


def test_hours_that_resemble_their_neighbours_are_trusted_less():
    assert 1.0 < safety(168, 0.0, 4.0) < 1.15
    assert safety(168, 0.0, 4.0) < safety(168, 0.8, 4.0) <= 1.5
    assert safety(50, 0.0, 4.0) < 1.3


def test_only_windows_that_follow_each_other_tell_how_much_they_resemble_each_other():
    wave = [1.0, 1.0, 3.0, 3.0] * 20
    pairs = [False, True] * 40
    assert correlation(wave, pairs) == pytest.approx(0.9)
    assert correlation(wave, [not follows for follows in pairs]) == 0.0
    assert correlation(wave, [False] * 80) == 0.0
    assert correlation([2.0] * 80, pairs) == 0.0


def test_distances_that_are_shifts_in_one_direction_have_a_longer_tail_than_those_of_many():
    rng = np.random.default_rng(0)
    one, eight = (list(np.linalg.norm(rng.normal(size=(5000, n)), axis=1)) for n in (1, 8))
    assert shape(one, 4.0) == pytest.approx(1.33, abs=0.04)
    assert shape(eight, 4.0) == pytest.approx(1.07, abs=0.03)
    assert shape([0.2] * 50, 4.0) == 1.0


def test_two_independent_windows_need_not_be_as_far_off_as_two_that_resemble_each_other():
    rng = np.random.default_rng(0)
    independent, slow = [rng.normal()], [rng.normal()]
    for _ in range(9999):
        independent.append(rng.normal())
        slow.append(0.9 * slow[-1] + np.sqrt(1 - 0.9**2) * rng.normal())
    following = [False, *[True] * 9999]
    apart, alike = (sure(np.abs(mood).tolist(), following, 2, 4.0) for mood in (independent, slow))
    one = sure(np.abs(independent).tolist(), following, 1, 4.0)
    assert apart < 4.0 < alike
    assert apart < one


@pytest.mark.parametrize(("memory", "one_in"), [(0.0, 70_000), (0.6, 70_000), (0.9, 10_000)])
@pytest.mark.parametrize("directions", [1, 3])
def test_what_is_sure_is_as_rare_as_promised(directions: int, memory: float, one_in: int):
    """By 100 weeks: how often two windows in a row in which nothing changed are beyond it.

    A week of hours that resemble each other for half a day (0.9) has not seen all of them.
    """
    rng = np.random.default_rng(directions)
    steps = rng.normal(size=(200_000, directions))
    mood = lfilter([np.sqrt(1 - memory**2)], [1, -memory], steps, axis=0)
    scores = np.linalg.norm(mood, axis=1)
    averages = (scores[1:] + scores[:-1]) / 2
    following = [False, *[True] * 167]
    weeks = (scores[begin : begin + 168].tolist() for begin in range(1000, 200_000, 2000))
    beyond = [float(np.mean(averages >= sure(week, following, 2, 4.0))) for week in weeks]
    assert float(np.mean(beyond)) < 1 / one_in
