"""The grammar of written German, French, Spanish and Italian: what espeak-ng reads otherwise than a person.

- Each kind of written form has a module, ``..._forms.py``, which all four languages share: addresses (``typed``),
  ``date``, ``time``, ``money``, ``measure`` (with ``units.py``), ``range``, ``telephone``, ``ordinal`` (with
  ``german_ordinals.py``), ``roman``, ``sign``, ``abbreviated``. ``number_forms.py`` has what rules about numbers share.
- What differs, words and endings, is data: ``language.py`` says which; ``german.py``, ``french.py``, ``spanish.py`` and
  ``italian.py`` have it.
- ``sentence_boundaries.py`` corrects where sentences end.
- ``prices.py`` has the few rules of Portuguese, Dutch, Polish and Russian.
"""

from __future__ import annotations

from functools import cache

from server.text.european import (
    abbreviated_forms,
    date_forms,
    measure_forms,
    money_forms,
    ordinal_forms,
    prices,
    range_forms,
    roman_forms,
    sign_forms,
    telephone_forms,
    time_forms,
    typed_forms,
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
        *typed_forms.rules(own),
        *date_forms.rules(own),
        *telephone_forms.rules(own),
        *time_forms.rules(own),
        *money_forms.rules(own),
        *ordinal_forms.rules(own),
        *measure_forms.rules(own),
        *(GERMAN_YEARS if language == "de" else ()),
        *range_forms.rules(own),
        *roman_forms.rules(own),
        *sign_forms.rules(own),
        *abbreviated_forms.rules(own),
    )
