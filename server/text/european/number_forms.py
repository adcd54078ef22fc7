"""What the rules about numbers share: how numbers are written, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from server.text.rules import DIGIT, Rule, rule

NUMBER = r"(?:\d{1,3}(?:[. ]\d{3}){1,4}(?!\d)|\d{1,12})(?:[.,]\d{1,6})?"
"""Matches 5, 1.234, 12 345 and 3,14. A normalised text has no other space than the usual one."""
BEFORE = r"(?<![\w./^$€£¥\u2212-])(?<!\d,)(?<!\d ,)"
"""Matches the position before a number that is not part of another."""
MINUS = r"(?P<minus>[-\u2212])?"
AFTER = r"(?![\w]|[.,:/-]\d)"
"""Matches the position after a number that is not part of another."""
DASH = r"\s?[-\u2013\u2014\u2212]\s?"
DASHES = "-\u2013\u2014\u2212"
_SENTENCE_END = re.compile(r"[\"'”’»)]{0,3}\s?\Z")


def number_rule(
    name: str, pattern: str, read: str | Callable[[re.Match[str]], str | None], *, signs: str = DIGIT
) -> Rule:
    """Returns a rule whose matches begin with a number, perhaps after a minus, that is not part of another."""
    return replace(rule(name, BEFORE + pattern, read, signs=signs), begins_with_number=True)


def any_of(written: Iterable[str]) -> str:
    """Returns a pattern that matches any of the texts, the longest first."""
    return "|".join(map(re.escape, sorted(written, key=lambda each: (-len(each), each))))


def before(match: re.Match[str], length: int) -> str:
    """Returns the ``length`` characters before the match."""
    return match.string[max(0, match.start() - length) : match.start()]


def after(match: re.Match[str], length: int) -> str:
    """Returns the ``length`` characters after the match."""
    return match.string[match.end() : match.end() + length]


def ends_sentence(match: re.Match[str]) -> bool:
    """Whether a dot at the end of the match also ends its sentence: nothing but quotation marks follows."""
    return bool(_SENTENCE_END.match(after(match, 4)))


def plain(written: str) -> str:
    """Returns a number in Python's notation: 1234.56 for 1.234,56, 1 234,56, 1'234.56, 1,234.56 and 1234.56."""
    compact = re.sub(r"[\s'’]", "", written)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+", compact):
        return compact.replace(",", "")
    if re.fullmatch(r"\d+\.\d{1,2}", compact):
        return compact
    return compact.replace(".", "").replace(",", ".")


def value(written: str) -> float:
    """Returns the number that is written."""
    return float(plain(written))


def spaced(characters: str) -> str:
    """Returns digits or letters one by one."""
    return " ".join(characters)
