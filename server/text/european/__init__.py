"""The grammar of written German, French, Spanish and Italian: what espeak-ng reads otherwise than a person.

Each kind of written form has a module, which all four languages share: ``electronic.py``, ``dates.py``, ``times.py``,
``money.py``, ``measures.py`` (with ``units.py``), ``ranges.py``, ``telephone.py``, ``ordinals.py``, ``roman.py``,
``signs.py``, ``abbreviations.py``. What differs, words and endings, is data: ``language.py`` says which, ``german.py``,
``french.py``, ``spanish.py`` and ``italian.py`` have it. ``figures.py`` has what the rules about numbers share.
``prices.py`` has the few rules of Portuguese, Dutch, Polish and Russian.
"""

from __future__ import annotations

from functools import cache

from server.text.european import (
    abbreviations,
    dates,
    electronic,
    measures,
    money,
    ordinals,
    prices,
    ranges,
    roman,
    signs,
    telephone,
    times,
)
from server.text.european.french import FRENCH
from server.text.european.german import GERMAN, GERMAN_YEARS
from server.text.european.italian import ITALIAN
from server.text.european.language import Language
from server.text.european.spanish import SPANISH
from server.text.rules import Rule

LANGUAGES: dict[str, Language] = {"de": GERMAN, "fr": FRENCH, "es": SPANISH, "it": ITALIAN}
"""The languages that have the whole grammar, by their primary subtags."""


@cache
def rules(language: str) -> tuple[Rule, ...]:
    """Returns the rules of a language, given by its primary subtag; none for an unknown language.

    Of two rules that match the same characters, the earlier one reads them: it sees more context.
    """
    if language not in LANGUAGES:
        return prices.rules(language)
    own = LANGUAGES[language]
    return (
        *electronic.rules(own),
        *dates.rules(own),
        *telephone.rules(own),
        *times.rules(own),
        *money.rules(own),
        *ordinals.rules(own),
        *measures.rules(own),
        *(GERMAN_YEARS if language == "de" else ()),
        *ranges.rules(own),
        *roman.rules(own),
        *signs.rules(own),
        *abbreviations.rules(own),
    )
