"""What all rules about numbers share: the patterns of numbers, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from server.text.numerals import cardinal, year
from server.text.rules import DIGIT, Rule, rule

NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.\d{1,6})?"
"""Matches 5, 1,234 and 3.14."""
MIXED = r"\d{1,3}(?:[ -]\d{1,2}[/⁄]\d{1,2}|\s?[½⅓⅔¼¾⅛⅜⅝⅞])|\d{1,2}[/⁄]\d{1,2}|[½⅓⅔¼¾⅛⅜⅝⅞]"
"""Matches a quantity with a fraction: 1 1/2, 2½, 3/4."""
BEFORE = r"(?<![\w./^$€£¥₩₹\u2212-])(?<!\d,)"
"""Matches the position before a number that is not part of another."""
MINUS = r"(?P<minus>[-\u2212])?"
"""Matches the minus of a number after BEFORE: the hyphen of "COVID-19" is none."""
AFTER = r"(?![\w%]|[.,:/-]\d)"
"""Matches the position after a number that is not part of another."""
DASH = r"\s?[-\u2013\u2014\u2212]\s?"
SCALE = r"thousand|million|billion|trillion"
SCALES = {
    "k": "thousand", "m": "million", "mm": "million", "mn": "million", "mil": "million", "b": "billion",
    "bn": "billion", "t": "trillion", "tn": "trillion",
}  # fmt: skip
SHORT_SCALE = r"bn|mn|tn|mil|MM|[kKmMbBT]"

_PLURAL = re.compile(r"\s(?:[a-z]{2,20}s|people|men|women|children|feet|sheep|fish|different|other|new|more)\b")
_NO_PLURAL = re.compile(
    r"\s(?:was|is|has|as|this|its|does|us|thus|plus|always|perhaps|sometimes|towards|afterwards|onwards|besides|across"
    r"|unless|versus|whereas|less|series|business|press|progress|success|class|sees|saw|means|marks|brings|shows|makes"
    r"|comes|gives|ends|begins|starts|remains|others)\b"
)
_SENTENCE_END = re.compile(r"[\"'”’)]{0,3}\s?\Z")
_ARTICLE = re.compile(r"\b[Aa]n?\s\Z")
_COUNTED = re.compile(
    r"\s(?:intervals?|steps?|increments?|timeouts?|tins?|cans?|bags?|bottles?|packs?|packets?|boxes|box)\b"
)
"""Matches nouns that a quantity describes without an article too: "at 5 s intervals", "one 400 g tin"."""
_COMPOUND = re.compile(r"-[a-z]")
_LISTED = re.compile(r",\s[\w-]{1,10}\s[a-z]")
"""Matches another attribute before the noun: "a 1.2 GB, 1080p clip"."""
_NOUN = re.compile(
    r"\s(?!(?:a|an|and|are|as|at|be|but|by|can|each|every|for|from|had|has|have|he|if|in|into|is|it|less|more|of|off"
    r"|on|or|over|per|plus|she|so|than|that|the|then|they|this|to|under|until|up|via|was|we|were|when|which|while|who"
    r"|will|with|would|you)\b)[a-z]"
)


def number_rule(
    name: str, pattern: str, read: str | Callable[[re.Match[str]], str | None], *, signs: str = DIGIT
) -> Rule:
    """Returns a rule whose matches begin with a number, perhaps after a minus, that is not part of another."""
    return replace(rule(name, BEFORE + pattern, read, signs=signs), begins_with_number=True)


def before(match: re.Match[str], length: int) -> str:
    """Returns the ``length`` characters before the match."""
    return match.string[max(0, match.start() - length) : match.start()]


def after(match: re.Match[str], length: int) -> str:
    """Returns the ``length`` characters after the match."""
    return match.string[match.end() : match.end() + length]


def ends_sentence(match: re.Match[str]) -> bool:
    """Whether a dot at the end of the match also ends its sentence: nothing but quotation marks follows."""
    return bool(_SENTENCE_END.match(after(match, 4)))


def counts_things(match: re.Match[str]) -> bool:
    """Whether a noun in the plural follows: the number is a quantity, such as "1500 people", and no year or day."""
    following = after(match, 24)
    return bool(_PLURAL.match(following)) and not _NO_PLURAL.match(following)


def is_attribute(match: re.Match[str]) -> bool:
    """Whether the quantity describes a noun: in "a 5 km run" and "$5-a-day" the unit is said in the singular."""
    following = after(match, 16)
    if _COMPOUND.match(following) or _COUNTED.match(following):
        return True
    return bool(_ARTICLE.search(before(match, 4)) and (_NOUN.match(following) or _LISTED.match(following)))


def signed(match: re.Match[str], spoken: str) -> str:
    """Returns ``spoken``, after "minus" if the match has one."""
    return f"minus {spoken}" if match["minus"] else spoken


def scale(written: str) -> str:
    """Returns "billion" for "bn", "B" and "billion"."""
    return SCALES.get(written.lower(), written.lower())


def pairs(digits: str) -> str:
    """Returns how a house number is read: "fourteen twenty-eight", "one twenty-three", "seven oh eight"."""
    if len(digits) < 3 or digits[0] == "0":
        return spelled(digits) if digits[0] == "0" else digits
    if len(digits) > 4:
        return spelled(digits)
    if digits.endswith("00"):
        return cardinal(int(digits)) if digits[-3:] == "000" or len(digits) == 3 else year(int(digits))
    high, low = digits[:-2], digits[-2:]
    return f"{cardinal(int(high))} {'oh ' + cardinal(int(low)) if low[0] == '0' else cardinal(int(low))}"


def spelled(characters: str) -> str:
    """Returns digits or letters one by one: "1 2 3", "E S T", "U.S.A".

    espeak takes an A alone for the article, but not between dots. A dot at the end would end the sentence.
    """
    return ("." if "A" in characters else " ").join(characters)


def plural(words: str) -> str:
    """Returns "eighties" for "eighty", "tens" for "ten"."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("s", "x", "ch", "sh")) else f"{words}s"
