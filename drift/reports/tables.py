"""Tables as CSV, and numbers as people read them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings by which spreadsheets take a text for a formula."""

SMALLEST = 1e-8
"""What is less is shown as 0.00."""

Cell = str | int | float | None


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Returns CSV by RFC 4180. A text that a spreadsheet would calculate begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return buffer.getvalue()


def money(amount: float | None, currency: str | None) -> str:
    """Returns an amount with its currency: two digits after the point, or four significant ones below one."""
    if amount is None:
        return "-"
    return f"{_digits(amount)} {currency or ''}".rstrip()


def count(number: float) -> str:
    """Returns a whole number with separators of thousands."""
    return f"{number:,.0f}"


def share(part: float, whole: float) -> str:
    """Returns ``part`` in percent of ``whole``, a dash without a whole."""
    return f"{part / whole:.1%}" if whole else "-"


def hours(seconds: float) -> str:
    """Returns a length of time in hours, or in minutes if it is shorter."""
    return f"{seconds / 3600:,.2f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _digits(amount: float) -> str:
    if abs(amount) >= 1 or abs(amount) < SMALLEST:
        return f"{amount:,.2f}"
    places = 3 - math.floor(math.log10(abs(amount)))
    return f"{amount:.{places}f}".rstrip("0")


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
