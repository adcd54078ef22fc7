"""How a text is read: its sentences, and in each the words to say in place of those that were written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.text import english, european, rulers
from server.text.rules import Rule, apply, rule
from server.utterance import Reading

EMOJI: tuple[Rule, ...] = (
    # Skin tones, variation selectors and joiners have no sound; espeak spells a flag's letters out as code points.
    rule("[\U0001f1e6-\U0001f1ff]{1,8}", ""),
    rule("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]{1,8}", ""),
    rule("\u200d", " "),
)
UNFINISHED = re.compile(
    r"(?:\b(?:approx|Nr|Abb|Fig|fig|Sr|Sra|Dr|Dra|Prof|Mr|Mrs|Ms|Sig|Dott|Dhr|Mevr)\.|(?<!\w)M\.|(?<!\w)p\. ex\.)\s*$"
)
"""A sentence that ends so goes on: sentencex takes some abbreviations for its end."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands between two spaces of a text, or more that is read as one, such as "5 km"."""

    written: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence as it is read."""

    units: tuple[Unit, ...]

    @property
    def text(self) -> str:
        """What is said."""
        return " ".join(unit.spoken for unit in self.units if unit.spoken)


def read(text: str, language: str, fixed: Sequence[Reading] = ()) -> list[Line]:
    """The sentences of a normalised text in a language (BCP 47); ``fixed`` says how parts of it are to be read.

    Takes 2 to 4 ms for 1,000 characters, and time by their number, whatever they are.
    """
    rules = _rules(language)
    lines = []
    for start, stop in sentences(text, language):
        within = [Reading(each.start - start, each.stop - start, each.spoken)
                  for each in fixed if start <= each.start and each.stop <= stop]  # fmt: skip
        sentence = text[start:stop]
        units = tuple(_units(sentence, apply(rules, sentence, within)))
        if units:
            lines.append(Line(units))
    return lines


def sentences(text: str, language: str) -> list[tuple[int, int]]:
    """Where each sentence of ``text`` begins and ends, spaces after it included; joined they are the text."""
    from sentencex import segment

    spans: list[tuple[int, int]] = []
    start = end = 0
    for sentence in segment(language, text):
        end += len(sentence)
        if not UNFINISHED.search(sentence[-12:]):
            spans.append((start, end))
            start = end
    if start < end:
        spans.append((start, end))
    return spans


def _rules(language: str) -> tuple[Rule, ...]:
    primary = language.partition("-")[0]
    return (english.RULES if primary == "en" else european.rules(primary)) + EMOJI + rulers.RULES


def _units(sentence: str, readings: Sequence[Reading]) -> Iterator[Unit]:
    """What is not separated by a space is one unit."""
    written, spoken = "", ""
    for part, said in _parts(sentence, readings):
        if part.isspace():
            if written:
                yield Unit(written, " ".join(spoken.split()))
            written, spoken = "", ""
        else:
            written, spoken = written + part, spoken + said
    if written:
        yield Unit(written, " ".join(spoken.split()))


def _parts(sentence: str, readings: Sequence[Reading]) -> Iterator[tuple[str, str]]:
    """The sentence in order, in pieces that are a reading, or no space, or spaces alone; and how each is said."""
    at = 0
    for reading in [*readings, Reading(len(sentence), len(sentence), "")]:
        for piece in re.findall(r"\s+|\S+", sentence[at : reading.start]):
            yield piece, piece
        if reading.start < reading.stop:
            yield sentence[reading.start : reading.stop], reading.spoken
        at = reading.stop
