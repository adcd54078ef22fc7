"""Writes numbers in words where a phonemizer would read the digits differently from a person."""

from __future__ import annotations

import re
from functools import lru_cache

MONEY_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
AND = {"pt": "e", "nl": "en", "pl": "", "ru": ""}
"""The word between an amount's whole part and its cents, in the languages whose amounts num2words reads."""
DECIMAL_POINT = frozenset({"en"})
"""Languages that write 1,234.56; the others write 1.234,56 or 1 234,56."""


def ordinal(number: int, language: str = "en") -> str:
    """Returns "twenty-first" for 21; unchanged in an unknown language."""
    try:
        return _words(number, language, to="ordinal")
    except NotImplementedError:
        return str(number)


def cardinal(number: int, language: str = "en") -> str:
    """Returns "one thousand nine hundred and eighty-four" for 1984; unchanged in an unknown language."""
    try:
        return _words(number, language, to="cardinal")
    except NotImplementedError:
        return str(number)


def year(number: int, language: str = "en") -> str:
    """Returns "nineteen eighty-four" for 1984."""
    return _words(number, language, to="year")


def money(amount: str, currency: str, language: str) -> str | None:
    """Returns "drie euro en vijftig cent" for "3.50" and "EUR"; None where the library does not know it.

    ``amount`` is written with a decimal point and without thousands separators.
    """
    units, _, cents = amount.partition(".")
    try:
        words = _words(f"{units}.{cents or '00':0<2}", language, to="currency", currency=currency, separator="|")
    except NotImplementedError:
        return None
    amounts = [amount_words.strip() for amount_words in words.split("|")]
    if len(amounts) == 1 or not int(cents or 0):
        return amounts[0]
    if not int(units):
        return amounts[1]
    return " ".join(f"{amounts[0]} {AND[language]} {amounts[1]}".split())


def plain(written: str, language: str) -> str:
    """Returns a number in Python's notation, from one in the notation of ``language``: 1234.56 from 1.234,56."""
    if language in DECIMAL_POINT:
        return written.replace(",", "")
    return re.sub(r"[.\s]", "", written).replace(",", ".")


@lru_cache(maxsize=4096)
def _words(number: int | str, language: str, **options: str) -> str:
    """Returns num2words' result without its commas, which would be spoken as pauses. It takes 26 µs."""
    from num2words import num2words

    return str(num2words(number, lang=language, **options)).replace(",", "")
