"""The grammar of written English: what espeak-ng reads otherwise than a person.

Each kind of written form has a module, with a table of words and a few rules:

- ``electronic.py``: web and mail addresses, files, hashtags. ``telephone.py``: telephone numbers, versions, codes.
- ``dates.py``, ``years.py``, ``times.py``: when. ``money.py``, ``measures.py``, ``sizes.py``, ``fractions.py``: how
  much.
- ``ranges.py``: what a dash between numbers means. ``roman.py``: Roman numerals.
- ``streets.py``: addresses. ``letters.py``, ``abbreviations.py``: what is shortened.
- ``mathematics.py``, ``chemistry.py``: signs and formulas.

``figures.py`` has what the rules about numbers share. Numbers alone, such as 1,234 or 3.14, have no rule: espeak reads
them right.
"""

from __future__ import annotations

from functools import cache

from server.text.english import (
    abbreviations,
    chemistry,
    dates,
    electronic,
    fractions,
    letters,
    mathematics,
    measures,
    money,
    ranges,
    roman,
    sizes,
    streets,
    telephone,
    times,
    years,
)
from server.text.rules import Rule


@cache
def rules(language: str) -> tuple[Rule, ...]:
    """Returns all rules in their order: of two that match the same characters, the earlier one reads them.

    What has more context comes first: an address before the numbers in it, a date before a fraction, a price and a
    measure before a year, a range before a single number. The language (BCP 47) decides the order of dates.
    """
    return (
        *electronic.RULES,
        *dates.rules(language),
        *telephone.RULES,
        *streets.RULES,
        *money.RULES,
        *times.RULES,
        *years.DECADES,
        *sizes.RULES,
        *measures.RULES,
        *years.RULES,
        *ranges.RULES,
        *ranges.ORDINALS,
        *fractions.RULES,
        *chemistry.RULES,
        *mathematics.RULES,
        *roman.RULES,
        *abbreviations.RULES,
        *letters.RULES,
    )
