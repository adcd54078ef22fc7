"""A light and a dark colour theme, for the page and its charts, that colour-blind people can read.

Categories differ in lightness as well as in hue. A value that is good or bad has the same colour everywhere.
tests/unit/live/test_theme.py checks the colours as people without red or green receptors see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from otel.contract.ranges import CHARACTERS, WORDS

GOOD = frozenset({"ok", "hit", "available"})
BAD = frozenset({"error", "faulty", "server", "unavailable", "silent"})
DOUBTFUL = frozenset({"rejected", "timeout", "client", "clipped"})
GREY = frozenset({"cancelled", "bypass", "other", "none"})
ORDERED = (*WORDS.labels, *CHARACTERS.labels)
"""Names of ordered ranges: they get steps of the ramp."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A colour theme; colours are #rrggbb."""

    name: Literal["light", "dark"]
    page: str
    card: str
    text: str
    faint: str
    line: str
    accent: str
    good: str
    doubtful: str
    bad: str
    grey: str
    categories: tuple[str, ...]
    ramp: tuple[str, ...]
    """Colours from low to high values; the first one is close to the page's."""

    def colours(self, names: Sequence[str]) -> list[str]:
        """Returns a colour for each name: a fixed one if it is good or bad, else the next category's.

        If all names are ranges, they get steps of the ramp.
        """
        if len(names) > 1 and all(name in ORDERED for name in names):
            return [self.step(number / (len(names) - 1)) for number in range(len(names))]
        fixed = [self.fixed_colour(name) for name in names]
        free = iter(colour for colour in self.categories * 20 if colour not in fixed)
        return [colour or next(free, self.grey) for colour in fixed]

    def step(self, share: float) -> str:
        """Returns a colour of the ramp, for 0 to 1, from the first one that is visible on the page."""
        return self.ramp[min(len(self.ramp) - 1, 2 + round(share * (len(self.ramp) - 3)))]

    def severity(self, severity: Literal["warning", "critical"]) -> str:
        return self.bad if severity == "critical" else self.doubtful

    @property
    def scale(self) -> list[tuple[float, str]]:
        """The ramp as Plotly's colour scale."""
        return [(number / (len(self.ramp) - 1), colour) for number, colour in enumerate(self.ramp)]

    def fixed_colour(self, name: str) -> str | None:
        """Returns the fixed colour of a name that is good or bad; None for any other name."""
        for names, colour in ((GOOD, self.good), (BAD, self.bad), (DOUBTFUL, self.doubtful), (GREY, self.grey)):
            if name.lower() in names:
                return colour
        return None


LIGHT = Theme(
    name="light",
    page="#f6f7f9",
    card="#ffffff",
    text="#1c2430",
    faint="#667085",
    line="#e3e7ed",
    accent="#2f6db5",
    good="#2a9187",
    doubtful="#d99a1c",
    bad="#c8452f",
    grey="#98a2b3",
    categories=("#2f6db5", "#e08a2e", "#6b2a7e", "#58c0e0", "#9c8a10", "#d0588a", "#5b6b7f"),
    ramp=("#f2f6fa", "#dbe8f2", "#b4d3e6", "#82b6d6", "#4f93c0", "#2c6fa3", "#1b4e80", "#0f3158"),
)
DARK = Theme(
    name="dark",
    page="#0f1318",
    card="#171d25",
    text="#e6eaf0",
    faint="#94a0b2",
    line="#2a323d",
    accent="#6aa9ea",
    good="#46b8ab",
    doubtful="#eab84a",
    bad="#ee7258",
    grey="#77839a",
    categories=("#6aa9ea", "#f0a65c", "#9166c4", "#a5ebf7", "#d9c74f", "#ee88b2", "#9fb0c6"),
    ramp=("#1a222c", "#1d3044", "#234a6b", "#2d6896", "#4389bd", "#6eadd8", "#a5d0ea", "#dcf0fb"),
)


def theme_named(name: str | None) -> Theme:
    """Returns the theme with the name that the browser reports."""
    return DARK if name == "dark" else LIGHT
