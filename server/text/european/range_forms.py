"""Ranges, scores, differences, years and spaced numbers: "10–20", "3:0", "10 - 3 = 7", "1998/99", "12 345"."""

from __future__ import annotations

import re

from server.text.european.language import Language
from server.text.european.number_forms import AFTER, DASH, DASHES, NUMBER, number_rule, value
from server.text.rules import Rule

MAX_SCORE = 200
"""A falling pair with a greater number is a name, such as "2024-0815"."""
_YEAR = r"1[1-9]\d\d|20\d\d"


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of numbers that stand in pairs, which come after those of dates and measures."""
    minus, to = language.signs["-"], language.signs["to"]

    def pair(match: re.Match[str]) -> str | None:
        """Reads a rising pair as a range, a falling one with spaces as a difference, any other as a score."""
        first, last = match[1], match[2]
        if (first[0] == "0" and len(first) > 1) or match[0][-1] == "-":
            return None
        rising = value(first) < value(last)
        if not rising and re.search(r"\d\s.\s\d", match[0]):
            return f"{first} {minus} {last}"
        if not rising and (max(value(first), value(last)) > MAX_SCORE or last[0] == "0" != last):
            return f"{first} {last}"
        joint = to if rising else language.signs["score"]
        year = language.year if rising and len(first) == 4 and len(last) == 4 else str
        return f"{year(first.replace(' ', ''))} {joint} {year(last.replace(' ', ''))}"

    def years(match: re.Match[str]) -> str | None:
        """Reads "1998–99" and "1998/1999"."""
        first, last = match[1], match[3]
        if int(last) <= int(first[-len(last) :]):
            return None
        joint = " " if match[2] == "/" else f" {to} "
        return f"{language.year(first)}{joint}{language.year(last)}"

    def ratio(match: re.Match[str]) -> str | None:
        """Reads "2:1" and "1:50.000"; "14:30" is a time."""
        if len(match[2]) == 2 and match[2].isdecimal() and int(match[1]) < 24 and int(match[2]) < 60:
            return None
        return f"{match[1]} {language.signs[':']} {match[2].replace(' ', '')}"

    return (
        number_rule("year_range", rf"({_YEAR})(?:{DASH}|(/))({_YEAR}|\d\d){AFTER}", years, signs=DASHES + "/"),
        number_rule(
            "difference",
            rf"({NUMBER})\s?[{DASHES}]\s?({NUMBER})(?=\s?=)",
            lambda match: f"{match[1]} {minus} {match[2]}",
            signs="=",
        ),
        number_rule(
            "sequence", r"\d{1,3}(?:-\d{1,3}){2,6}(?![\w-])", lambda match: match[0].replace("-", " "), signs="-"
        ),
        number_rule("range", rf"({NUMBER}){DASH}({NUMBER}){AFTER}", pair, signs=DASHES),
        number_rule("ratio", r"(\d{1,4}):(\d{1,3}(?:[. ]\d{3}){1,3}|\d{1,6})(?![\w:]|[.,]\d)", ratio, signs=":"),
        number_rule(
            "number", r"\d{1,3}(?: \d{3}){1,4}(?:,\d{1,6})?(?![\w]| \d)", lambda match: match[0].replace(" ", "")
        ),
    )
