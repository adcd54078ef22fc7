"""Fractions: "1/2", "3/4ths", "2 1/2", "1½", "120/80", "4/5 stars", and what only looks like one: "24/7"."""

from __future__ import annotations

import re

from server.text.english.figures import MIXED, after, before, number_rule
from server.text.numerals import ordinal
from server.text.rules import Rule

VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
IDIOMS = ("24/7", "9/11", "7/11", "50/50", "20/20", "80/20", "60/40", "70/30", "90/10")
"""What is read as two numbers."""
_SCORED = re.compile(r"\b(?:scor(?:e[sd]?|ing)|rat(?:ed|ings?)|grade|mark|gave|gets?|got)\b[^.,;\d]{0,12}\Z")
_NAMED = re.compile(r"[a-z,;:]\s[A-Z][a-z]{2,15}\s\Z|\d,\s[A-Z][a-z]{2,15}\s\Z")
MAX_DENOMINATOR = 100


def fraction(numerator: int, denominator: int) -> str | None:
    """Returns "one half" or "3 quarters"; None for what is not usually read as a fraction."""
    if not 2 <= denominator <= MAX_DENOMINATOR or not numerator:
        return None
    if denominator == 2:
        name = "half" if numerator == 1 else "halves"
    else:
        name = "quarter" if denominator == 4 else ordinal(denominator)
        name += "s" if numerator > 1 else ""
    return f"{'one' if numerator == 1 else numerator} {name}"


def mixed(written: str) -> str:
    """Returns "2 and a half" for "2 1/2" and "2½", "one half" for "1/2"; any other number as it is."""
    for sign, digits in VULGAR.items():
        written = written.replace(sign, f" {digits}")
    match = re.fullmatch(r"\s*(?:(\d+)[ -]+)?(\d+)[/⁄](\d+)", written)
    if match is None:
        return written.strip()
    whole, numerator, denominator = match[1], int(match[2]), int(match[3])
    words = fraction(numerator, denominator)
    if words is None:
        return written.strip()
    return f"{whole} and {words.replace('one ', 'a ', 1) if numerator == 1 else words}" if whole else words


def _fraction(match: re.Match[str]) -> str | None:
    """Reads a fraction; one of 1 or more only with small denominators, as in "22/7"."""
    whole, numerator, denominator = match[1], int(match[2]), int(match[3])
    if not denominator or numerator >= 10 * denominator:
        return None
    if numerator >= denominator and (numerator % denominator == 0 or denominator > 9):
        return None
    words = fraction(numerator, denominator)
    if words is None or not whole:
        return words
    return f"{whole} and {words.replace('one ', 'a ', 1) if numerator == 1 else words}"


def _score(match: re.Match[str]) -> str | None:
    """Reads "a score of 41/100", and "Smith 8/10," in a list; "gave 1/5 of it" is a fraction."""
    preceding, following = before(match, 24), after(match, 4)
    if not (_SCORED.search(preceding) or (_NAMED.search(preceding) and re.match(r"[,;.)]|\Z", following))):
        return None
    return None if following.startswith(" of") else f"{match[1]} out of {match[2]}"


def _pressure(match: re.Match[str]) -> str | None:
    return f"{match[1]} over {match[2]}" if 40 <= int(match[2]) <= 130 else None


RULES: tuple[Rule, ...] = (
    number_rule("fraction", rf"(?:{'|'.join(IDIOMS)})(?![\w/])", lambda match: match[0].replace("/", " "), signs="/"),
    number_rule(
        "fraction",
        r"(\d{1,2})/(5|10|100)(?=\s(?:stars|points|people|users|doctors|dentists)\b)",
        r"\1 out of \2",
        signs="/",
    ),
    number_rule("fraction", r"(\d{1,2}(?:\.\d)?)/(5|10|100)(?![\w/]|\.\d)", _score, signs="/"),
    number_rule("fraction", r"((?:9|1\d|2[0-4])\d)/(\d{2,3})(?![\w/])", _pressure, signs="/"),
    number_rule(
        "fraction",
        r"(?:(\d{1,4})[ -])?(\d{1,3})[/⁄](\d{1,3})(?:rds?|ths?|RD|TH)?(?![\w/]|\.\d)",
        _fraction,
        signs="/⁄",
    ),
    number_rule("fraction", rf"(?:{MIXED})(?![\w/])", lambda match: mixed(match[0]), signs="".join(VULGAR)),
)
