"""A rule: a kind of written form, the pattern that finds it, and how a match is spoken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from server.utterance import Verbalization

DIGIT = "0"
"""Stands for every decimal digit among a rule's signs."""

_NUMBER = re.compile(r"([-\u2212]?)(?:\d+|[½⅓⅔¼¾⅛⅜⅝⅞])")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of a text, from ``start`` up to, not including, ``stop``, how it is spoken, and by which rule."""

    start: int
    stop: int
    spoken: str
    rule: str
    ipa: str = ""
    """Its phonemes, in place of ``spoken``, if the client or a dictionary gives them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A written form that the phonemizer would read wrongly.

    Its pattern must match in linear time: every repetition has a bound, none stands next to another that matches the
    same characters, and none starts inside a run that an earlier start has scanned (tests/unit/test_reading.py checks
    this). ``read`` may look at the text around the match, at most some 100 characters.
    """

    name: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]
    """Returns how the match is spoken; None leaves it as it is."""
    signs: frozenset[str] = frozenset()
    """A text without any of these characters has no match; empty if that can't be said. This saves most of the time:
    a sentence without digits skips all rules about numbers."""
    begins_with_number: bool = False
    """Whether a match begins with a digit, a sign such as ½, or a minus before one: it is sought only there."""

    def matches(self, text: str, numbers: Sequence[int]) -> Iterator[re.Match[str]]:
        """Yields the matches in ``text``; ``numbers`` says where a number begins in it."""
        if not self.begins_with_number:
            yield from self.pattern.finditer(text)
            return
        end = 0
        for start in numbers:
            if start >= end and (match := self.pattern.match(text, start)):
                yield match
                end = match.end()


def rule(
    name: str, pattern: str, read: str | Callable[[re.Match[str]], str | None], *, signs: str = "", flags: int = 0
) -> Rule:
    """Returns a rule. ``read`` is a function of the match, or a template for ``re.Match.expand``."""
    compiled = re.compile(pattern, flags)
    if isinstance(read, str):
        template = read
        return Rule(name, compiled, lambda match: match.expand(template), frozenset(signs))
    return Rule(name, compiled, read, frozenset(signs))


def apply(rules: Iterable[Rule], text: str, fixed: Sequence[Verbalization] = ()) -> list[Stretch]:
    """Returns the stretches of all matches in ``text``, in order.

    No two overlap: an earlier rule takes precedence over a later one, and ``fixed`` over all. Each rule matches the
    text as it was written.
    """
    covered = bytearray(len(text))
    stretches = [Stretch(each.start, each.stop, each.spoken, each.rule, each.ipa) for each in fixed]
    for each in fixed:
        covered[each.start : each.stop] = b"\1" * (each.stop - each.start)
    present, numbers = _signs(text), _number_starts(text)
    for form in rules:
        if form.signs and form.signs.isdisjoint(present):
            continue
        for match in form.matches(text, numbers):
            start, stop = match.span()
            if start == stop or covered.find(1, start, stop) >= 0:
                continue
            spoken = form.read(match)
            if spoken is not None:
                covered[start:stop] = b"\1" * (stop - start)
                stretches.append(Stretch(start, stop, spoken, form.name))
    return sorted(stretches, key=lambda each: each.start)


def _number_starts(text: str) -> list[int]:
    """Returns where a number begins in ``text``; where a minus stands before it, also where the minus stands."""
    starts = []
    for match in _NUMBER.finditer(text):
        starts.append(match.start())
        if match.end(1) > match.start():
            starts.append(match.end(1))
    return starts


def _signs(text: str) -> set[str]:
    characters = set(text)
    if any(map(str.isdecimal, characters)):
        characters.add(DIGIT)
    return characters
