"""Rules for what espeak-ng reads wrongly in German, French, Spanish, Italian, Portuguese, Dutch, Polish and Russian."""

from __future__ import annotations

import re
from functools import cache

from server.text.numerals import AND, MONEY_SIGNS, money, plain
from server.text.rules import Rule, rule

AMOUNT = r"(?P<amount>(?:\d{1,3}(?:[. \u00a0\u202f]\d{3}){1,4}|\d{1,12})(?:,\d{1,2})?)"
TITLES = {
    "de": {"Dr": "Doktor", "Prof": "Professor", "Hr": "Herr", "Fr": "Frau", "Nr": "Nummer"},
    "fr": {"M": "Monsieur", "MM": "Messieurs", "Dr": "Docteur", "Pr": "Professeur"},
    "es": {"Sr": "Señor", "Sra": "Señora", "Srta": "Señorita", "Dr": "Doctor", "Dra": "Doctora"},
    "it": {"Sig": "Signor", "Dott": "Dottor", "Prof": "Professor"},
    "pt": {"Sr": "Senhor", "Sra": "Senhora", "Dr": "Doutor", "Dra": "Doutora"},
    "nl": {"Dhr": "De heer", "Mevr": "Mevrouw", "Dr": "Dokter"},
}
"""Abbreviations that do not end a sentence even when a capital follows."""
PHRASES = {"de": {"z.B.": "zum Beispiel", "z. B.": "zum Beispiel", "d.h.": "das heißt", "usw.": "und so weiter"},
           "fr": {"p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire"}}  # fmt: skip
MONTHS = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"


@cache
def rules(language: str) -> tuple[Rule, ...]:
    """Returns the rules of a language, given by its primary subtag; none for any other language."""
    if language not in AND or language == "en":
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
    if phrases := PHRASES.get(language):
        written = "|".join(map(re.escape, phrases))
        language_rules.append(rule("abbreviation", rf"(?<!\w)(?:{written})(?=\W|$)", lambda match: phrases[match[0]]))
    if language == "de":
        language_rules.append(rule("date", rf"(?<![\w.,])(\d{{1,2}})\.\s(?=(?:{MONTHS})\b)", _day))
    return tuple(language_rules)


def _day(match: re.Match[str]) -> str | None:
    """Returns the day of a date: "am dritten Mai" for "am 3. Mai"."""
    from server.text.numerals import ordinal

    return f"{ordinal(int(match[1]), 'de')}n " if 1 <= int(match[1]) <= 31 else None
