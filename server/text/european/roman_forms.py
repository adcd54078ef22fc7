"""Roman numerals: "Friedrich II.", "Louis XIV", "Felipe II", "siglo V", "Kapitel IV", "chapitre IX"."""

from __future__ import annotations

import re

from server.text.european.german_ordinals import german_ending
from server.text.european.language import Language, Ruler
from server.text.european.number_forms import after, before, ends_sentence
from server.text.rules import Rule, rule

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
NUMERAL = r"(?=[IVXLC]{2}|[IVX])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Matches 1 to 99."""


def numeral_value(numeral: str) -> int:
    """Returns 4 for "IV"."""
    values = [VALUES[letter] for letter in numeral]
    return sum(-each if each < following else each for each, following in zip(values, [*values[1:], 0], strict=True))


def _german(language: Language, number: int, preceding: str) -> str | None:
    """Reads "der II. Weltkrieg" and "im XIX. Jahrhundert"."""
    ending = german_ending(preceding, "")
    return ending and language.ordinal(number, "m")[:-1] + ending


def _counted_by(language: Language, match: re.Match[str], number: int) -> str | None:
    """Reads "la II Guerra Mundial" and "il XXI sec." in the article's gender; None in French, which writes "IIe"."""
    preceding, following = before(match, 8), after(match, 10)
    if language.code == "it" and re.match(r"\ssec(?:olo\b|\.)", following):
        return language.ordinal(number, "m")
    if language.code == "fr" or len(match[1]) < 2 or not re.match(r"\s[A-Za-z]{3}", following):
        return None
    feminine = re.search(r"\b(?:[Ll]a|[dn]ella|alla|dalla)\s\Z", preceding)
    masculine = re.search(r"\b(?:[Ee]l|[Ii]l|[dn]el|al|dal)\s\Z", preceding)
    return language.ordinal(number, "f" if feminine else "m") if feminine or masculine else None


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of Roman numerals after names and after nouns that are counted."""
    king = re.compile(rf"\b({language.kings})\s\Z")
    counted = re.compile(rf"\b(?:{language.counted})\s\Z", re.IGNORECASE)
    century = re.compile(r"\b(?:siglo|secolo|s\.)\s\Z")
    dot = r"(?:\.(?!\w))?" if language.code == "de" else ""

    def read(match: re.Match[str]) -> str | None:
        numeral, preceding = match[1], before(match, 40)
        number = numeral_value(numeral)
        if name := king.search(preceding):
            words = language.ruler(Ruler(name[1], number, preceding[: name.start()]))
            return words + ("." if match[0].endswith(".") and ends_sentence(match) else "")
        dotted = "." if match[0].endswith(".") else ""
        if century.search(preceding):
            return language.ordinal(number, "m") if number <= 10 or language.code == "it" else str(number)
        if counted.search(preceding):
            return f"{number}{dotted}"
        if language.code == "de":
            return _german(language, number, preceding) if dotted else None
        return _counted_by(language, match, number)

    return (rule("roman_numeral", rf"(?<=[\w.]\s)({NUMERAL}){dot}(?![\w’']|-\w)", read, signs="IVX"),)
