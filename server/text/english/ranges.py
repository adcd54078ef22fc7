"""Ranges and what else a dash between numbers means: "10-20", "pages 123-30", "10 - 3 = 7", "won 3-0", "5th-10th"."""

from __future__ import annotations

import re

from server.text.english.figures import AFTER, DASH, before, number_rule
from server.text.numerals import ordinal
from server.text.rules import DIGIT, Rule

_NUMBER = r"\d{1,3}(?:,\d{3}){1,3}|\d{1,9}(?:\.\d{1,3})?"
_LISTED = re.compile(
    r"\b(?:[Pp]ages?|[Pp]{1,2}\.|[Ll]ines?|[Vv]erses?|[Cc]hapters?|[Ss]ections?|[Nn]os?\.|[Ff]igs?\.)\s\Z"
)

_MODEL = re.compile(r"\b(?:Boeing|Model|Part|SKU|ISBN|Serial|Type|model|part|serial|type|ASU|article)\s\Z")


def _difference(match: re.Match[str]) -> str:
    return f"{match[1]} minus {match[2]}"


def _range(match: re.Match[str]) -> str | None:
    """Reads a rising pair as a range, a falling one with spaces as a difference.

    Falling pairs without spaces are scores ("3-0", "218-212") or names ("747-400").
    """
    first, last = match[1], match[2]
    least, most = (float(number.replace(",", "")) for number in (first, last))
    if any(number[0] == "0" and len(number) > 1 and "." not in number for number in (first, last)):
        return f"{first} {last}"
    if _MODEL.search(before(match, 12)):
        return f"{first} {last}"
    if _LISTED.search(before(match, 12)) or least < most:
        return f"{first} to {last}"
    if re.search(r"\d\s.\s\d", match[0]):
        return f"{first} minus {last}"
    is_score = most < least < 100 or (len(first) == len(last) and 2 * least < 3 * most)
    return f"{first} to {last}" if is_score and least != most else f"{first} {last}"


def _ordinals(match: re.Match[str]) -> str:
    first = ordinal(int(match[1].replace(",", "")))
    return f"{first} to {ordinal(int(match[2]))}" if match[2] else first


RULES: tuple[Rule, ...] = (
    number_rule("sequence", r"\d{1,3}(?:-\d{1,3}){2,6}(?![\w-])", lambda match: match[0].replace("-", " "), signs="-"),
    number_rule("difference", rf"({_NUMBER})\s?[-\u2013\u2212]\s?({_NUMBER})(?=\s?=)", _difference, signs="="),
    number_rule("range", rf"({_NUMBER}){DASH}({_NUMBER}){AFTER}", _range, signs="-\u2013\u2014\u2212"),
)
ORDINALS: tuple[Rule, ...] = (
    number_rule(
        "ordinal",
        rf"(\d{{1,3}}(?:,\d{{3}}){{1,3}}|\d{{1,9}})(?:st|nd|rd|th)\b(?:{DASH}(\d{{1,9}})(?:st|nd|rd|th)\b)?",
        _ordinals,
        signs=DIGIT,
    ),
)
