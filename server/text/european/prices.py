"""Amounts of money and titles in Portuguese, Dutch, Polish and Russian; espeak reads everything else."""

from __future__ import annotations

import re

from server.text.numerals import AND, MONEY_SIGNS, money, plain
from server.text.rules import Rule, rule

AMOUNT = r"(?P<amount>(?:\d{1,3}(?:[. \u00a0\u202f]\d{3}){1,4}|\d{1,12})(?:,\d{1,2})?)"
TITLES = {
    "pt": {"Sr": "Senhor", "Sra": "Senhora", "Dr": "Doutor", "Dra": "Doutora"},
    "nl": {"Dhr": "De heer", "Mevr": "Mevrouw", "Dr": "Dokter"},
}
"""Abbreviations that do not end a sentence even when a capital follows."""


def rules(language: str) -> tuple[Rule, ...]:
    """Returns the rules of a language, given by its primary subtag; none for any other language."""
    if language not in AND:
        return ()

    def price(match: re.Match[str]) -> str | None:
        return money(plain(match["amount"], language), MONEY_SIGNS[match["sign"]], language)

    language_rules = [
        # In "3,50 € 3 Mal" the sign belongs to the number before it.
        rule("money", rf"(?<![\w.,$€£]){AMOUNT}\s?(?P<sign>[$€£])(?!\w)", price, signs="$€£"),
        rule("money", rf"(?<![\w.,$€£])(?P<sign>[$€£])\s?{AMOUNT}(?![\w%]|[.,]\d)", price, signs="$€£"),
    ]
    if titles := TITLES.get(language):
        language_rules.append(
            rule("title", rf"\b({'|'.join(titles)})\.(?=\s[^\W\d_]|\s\d)", lambda match: titles[match[1]])
        )
    return tuple(language_rules)
