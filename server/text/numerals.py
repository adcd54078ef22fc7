"""Numbers in words, where a phonemizer that is given digits says something else than a reader would."""

from __future__ import annotations

import re

MONEY_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
AND = {"en": "and", "de": "und", "fr": "et", "es": "con", "it": "e", "pt": "e", "nl": "en", "pl": "", "ru": ""}
"""Between an amount's whole part and its cents, in the languages whose money num2words says right."""
DECIMAL_POINT = frozenset({"en"})
"""Languages that write 1,234.56; the others of ``AND`` write 1.234,56 or 1 234,56."""


def ordinal(number: int, language: str = "en") -> str:
    """"twenty-first" of 21; unchanged in an unknown language."""  # fmt: skip
    try:
        return _words(number, language, to="ordinal")
    except NotImplementedError:
        return str(number)


def cardinal(number: int, language: str = "en") -> str:
    """"one thousand nine hundred and eighty-four" of 1984; unchanged in an unknown language."""  # fmt: skip
    try:
        return _words(number, language, to="cardinal")
    except NotImplementedError:
        return str(number)


def year(number: int, language: str = "en") -> str:
    """"nineteen eighty-four" of 1984."""  # fmt: skip
    return _words(number, language, to="year")


def money(amount: str, currency: str, language: str) -> str | None:
    """ "three dollars and fifty cents" of "3.50" and "USD"; None where the library does not know it.

    ``amount`` is written with a decimal point and without thousands.
    """
    whole, _, cents = amount.partition(".")
    try:
        said = _words(f"{whole}.{cents or '00':0<2}", language, to="currency", currency=currency, separator="|")
    except NotImplementedError:
        return None
    parts = [part.strip() for part in said.split("|")]
    if len(parts) == 1 or not int(cents or 0):
        return parts[0]
    if not int(whole):
        return parts[1]
    return " ".join(f"{parts[0]} {AND[language]} {parts[1]}".split())


def plain(written: str, language: str) -> str:
    """A number as Python writes it, from one as ``language`` does: 1234.56 from 1.234,56."""
    if language in DECIMAL_POINT:
        return written.replace(",", "")
    return re.sub(r"[.\s]", "", written).replace(",", ".")


def _words(number: int | str, language: str, **options: str) -> str:
    """num2words' own, without the commas that it groups by: they would be heard as pauses."""
    from num2words import num2words

    return str(num2words(number, lang=language, **options)).replace(",", "")
