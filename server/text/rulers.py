"""Rulers: signs in a row, such as ==== or - - - -, that draw a line and are not read."""

from __future__ import annotations

import re

from server.text.rules import Rule, rule

_SIGN = r"[=*_~#/\\\-\u2010-\u2015\u2500-\u259f]"
_RULER = (
    rf"(?P<sign>{_SIGN})(?:(?P=sign){{2,}}|(?:\s(?P=sign)){{2,}})"
    rf"|(?P<pair>{_SIGN}{{2}})(?P=pair){{2,}}{_SIGN}?"
    r"|(?<![\w+])\+{3,}"
)
"""Matches three of a sign, all with spaces between them or all without; three of a pair, such as =-=-=-; and +++, but
not in A+++."""
_RULERS = re.compile(_RULER)
_WORD_ENDS = re.compile(r"\w\s?\Z")
_WORD_BEGINS = re.compile(r"\s?\w")


def without(text: str) -> str:
    """Returns ``text`` without its rulers."""
    return _RULERS.sub(" ", text)


def _pause(match: re.Match[str]) -> str:
    """Returns a comma between two words, or nothing where the sentence pauses anyway."""
    start, end = match.span()
    before, after = match.string[max(0, start - 2) : start], match.string[end : end + 2]
    return ", " if _WORD_ENDS.search(before) and _WORD_BEGINS.match(after) else ""


RULES: tuple[Rule, ...] = (
    rule("ruler", r"(?<=[\w)\]]\s)===(?=\s[\w(\[])", "="),  # the programmers' operator
    rule("ruler", _RULER, _pause),
)
