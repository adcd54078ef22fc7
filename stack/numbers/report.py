"""Prints what the places say as a table for each range of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stack.numbers.figures import ALL, SHARES, Place

COLUMNS = ("requests", "mean", *(f"p{share * 100:.0f}" for share in SHARES))


def table(places: Sequence[Place]) -> Iterator[str]:
    """Yields the lines; durations are in seconds."""
    for words in dict.fromkeys(words for place in places for words in place.figures):
        title = "all requests" if words == ALL else f"{words} words"
        yield ""
        yield f"{title:20}" + "".join(f"{column:>10}" for column in COLUMNS)
        for place in places:
            if (figures := place.figures.get(words)) is not None:
                count = "-" if figures.count is None else str(figures.count)
                seconds = (figures.mean, *(figures.quantiles.get(share) for share in SHARES))
                yield f"  {place.name:18}{count:>10}" + "".join(
                    f"{'-' if value is None else f'{value:.4f}':>10}" for value in seconds
                )
