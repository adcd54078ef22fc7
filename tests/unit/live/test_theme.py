"""Colours are distinguishable, also for people without red or green receptors, and readable on their page."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dashboards.live.theme import DARK, LIGHT, Theme
from otel.contract.labels import OUTCOME
from otel.contract.ranges import WORDS

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
RECEPTORS = {
    "all": np.eye(3),
    # Viénot, Brettel, Mollon (1999), in linear RGB.
    "without red": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "without green": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}
JUST_NOTICEABLE = 2.3
"""The just noticeable difference of two colours in CIELAB (Mahy, 1994); lines in a chart need much more."""


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = np.clip(to_xyz @ rgb, 0, None) / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@THEMES
@pytest.mark.parametrize("eyes", RECEPTORS)
def test_the_first_categories_differ_for_all_eyes(theme: Theme, eyes: str) -> None:
    perceived = {colour: lab(RECEPTORS[eyes] @ linear(colour)) for colour in theme.categories[:4]}
    for first, second in combinations(perceived, 2):
        assert np.linalg.norm(perceived[first] - perceived[second]) > 5 * JUST_NOTICEABLE, (first, second)


@THEMES
@pytest.mark.parametrize("eyes", RECEPTORS)
def test_good_and_bad_differ_for_all_eyes(theme: Theme, eyes: str) -> None:
    perceived = [lab(RECEPTORS[eyes] @ linear(colour)) for colour in (theme.good, theme.doubtful, theme.bad)]
    for first, second in combinations(perceived, 2):
        assert np.linalg.norm(first - second) > 5 * JUST_NOTICEABLE


@THEMES
def test_words_can_be_read(theme: Theme) -> None:
    for ground in (theme.card, theme.page):
        assert contrast(theme.text, ground) > 7  # WCAG 2.2, 1.4.6
        assert contrast(theme.faint, ground) > 4.5  # 1.4.3


@THEMES
def test_more_is_further_from_the_page(theme: Theme) -> None:
    distances = [abs(luminance(colour) - luminance(theme.card)) for colour in theme.ramp]
    assert distances == sorted(distances)


@THEMES
def test_what_means_something_has_one_colour(theme: Theme) -> None:
    colours = dict(zip(OUTCOME.values, theme.colours(OUTCOME.values), strict=True))
    assert (colours["ok"], colours["error"]) == (theme.good, theme.bad)
    assert len(set(colours.values())) == len(colours)
    assert theme.colours(["error"]) == [theme.bad]


@THEMES
def test_ranges_are_steps_of_the_ramp(theme: Theme) -> None:
    colours = theme.colours(WORDS.labels[1:])
    places = [theme.ramp.index(colour) for colour in colours]
    assert places == sorted(places)
    assert places[0] >= 2  # seen on the page


@THEMES
def test_there_is_a_colour_for_each_of_very_many(theme: Theme) -> None:
    assert len(theme.colours([f"series {number}" for number in range(300)])) == 300
