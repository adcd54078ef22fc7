"""The table that the scripts print: a row for each measure, a column for each checkout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Row = tuple[str, str]
"""What is measured, and its value."""


def table(columns: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Returns a Markdown table of columns with their headings; a dash stands where a column lacks a row."""
    titles = dict.fromkeys(title for _, rows in columns for title, _ in rows)
    values = [dict(rows) for _, rows in columns]
    lines = [["", *(heading for heading, _ in columns)], ["---"] * (1 + len(columns))]
    lines += [[title, *(column.get(title, "-") for column in values)] for title in titles]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str], measure: Callable[[Path], Sequence[Row]]) -> int:
    """Prints what is measured of the checkouts that are named, or of this one. Returns 2 if one of them is none."""
    checkouts = [Path(argument) for argument in arguments] or [Path(__file__).parents[1]]
    for checkout in checkouts:
        if not (checkout / "server").is_dir():
            print(f"{checkout} is not a checkout: it has no folder server/", file=sys.stderr)
            return 2
    headings = {1: ("now",), 2: ("before", "after")}.get(len(checkouts), tuple(map(str, checkouts)))
    print(table([(heading, measure(path)) for heading, path in zip(headings, checkouts, strict=True)]))
    return 0
