"""What a written form is: a pattern, and how what it matches is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.utterance import Reading


@dataclass(frozen=True, slots=True)
class Rule:
    """A written form that the phonemizer would read wrongly.

    Its pattern must be linear: no repetition without a bound beside another that matches the same, and no start inside
    a run that an earlier start has read (tests/unit/test_reading.py holds them to it).
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]
    """How the match is spoken; None leaves it as it is."""


def rule(pattern: str, read: str | Callable[[re.Match[str]], str | None], flags: int = 0) -> Rule:
    """``read`` is a function of the match, or a template as ``re.Match.expand`` takes it."""
    if isinstance(read, str):
        template = read
        return Rule(re.compile(pattern, flags), lambda match: match.expand(template))
    return Rule(re.compile(pattern, flags), read)


def apply(rules: Iterable[Rule], text: str, fixed: Sequence[Reading] = ()) -> list[Reading]:
    """The readings of all matches in ``text``, in order: no two overlap, an earlier rule goes first, ``fixed`` before
    all. Each rule sees the text as it was written."""
    taken = bytearray(len(text))
    found = list(fixed)
    for each in fixed:
        taken[each.start : each.stop] = b"\1" * (each.stop - each.start)
    for form in rules:
        for match in form.pattern.finditer(text):
            start, stop = match.span()
            if start == stop or any(taken[start:stop]):
                continue
            spoken = form.read(match)
            if spoken is not None:
                taken[start:stop] = b"\1" * (stop - start)
                found.append(Reading(start, stop, spoken))
    return sorted(found, key=lambda reading: reading.start)
