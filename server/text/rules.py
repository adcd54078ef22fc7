"""A written form: a pattern, and how its matches are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.utterance import Verbalization


@dataclass(frozen=True, slots=True)
class Rule:
    """A written form that the phonemizer would read wrongly.

    Its pattern must match in linear time: no unbounded repetition next to another that matches the same characters, and
    no start inside a run that an earlier start has scanned (tests/unit/test_reading.py checks this).
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]
    """Returns how the match is spoken; None leaves it as it is."""


def rule(pattern: str, read: str | Callable[[re.Match[str]], str | None], flags: int = 0) -> Rule:
    """Returns a rule. ``read`` is a function of the match, or a template for ``re.Match.expand``."""
    if isinstance(read, str):
        template = read
        return Rule(re.compile(pattern, flags), lambda match: match.expand(template))
    return Rule(re.compile(pattern, flags), read)


def apply(rules: Iterable[Rule], text: str, fixed: Sequence[Verbalization] = ()) -> list[Verbalization]:
    """Returns the verbalizations of all matches in ``text``, in order.

    No two overlap: an earlier rule takes precedence over a later one, and ``fixed`` over all. Each rule matches the
    text as it was written.
    """
    covered = bytearray(len(text))
    verbalizations = list(fixed)
    for each in fixed:
        covered[each.start : each.stop] = b"\1" * (each.stop - each.start)
    for form in rules:
        for match in form.pattern.finditer(text):
            start, stop = match.span()
            if start == stop or any(covered[start:stop]):
                continue
            spoken = form.read(match)
            if spoken is not None:
                covered[start:stop] = b"\1" * (stop - start)
                verbalizations.append(Verbalization(start, stop, spoken))
    return sorted(verbalizations, key=lambda each: each.start)
