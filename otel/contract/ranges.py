"""The ranges of words and characters by which requests are grouped; their bounds are defined here alone."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

EMPTY = "0"
"""The range of a text without any word, or any character."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Consecutive ranges of whole numbers from 1, the last without an upper bound."""

    uppers: tuple[int, ...]
    """The largest number of each bounded range, ascending."""

    labels: tuple[str, ...] = field(init=False)
    """All labels: "0", "1-10", ..., and the last as "200+", which begins at 201."""

    def __post_init__(self) -> None:
        lowers = (1, *(upper + 1 for upper in self.uppers))
        bounded = (f"{low}-{high}" for low, high in zip(lowers, self.uppers, strict=False))
        object.__setattr__(self, "labels", (EMPTY, *bounded, f"{self.uppers[-1]}+"))

    def label(self, count: int) -> str:
        """Returns the label of the range that ``count`` falls into. Raises ValueError if it is negative."""
        if count < 0:
            raise ValueError(f"a count can't be {count}")
        return EMPTY if count == 0 else self.labels[1 + bisect_left(self.uppers, count)]


WORDS = Ranges((10, 25, 50, 100, 200))
CHARACTERS = Ranges((50, 100, 200, 500, 1000))
