"""Pronunciations that a client or a dictionary orders: a written form, and how it is said in letters or phonemes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from server.text import ipa
from server.text.language_runs import sections
from server.text.normalize import LETTER, NO_TEXT, compose, single_spaced
from server.text.script import Script
from server.utterance import Passage, Verbalization

Kind = Literal["pronunciation", "dictionary"]
"""Whether an entry is the request's own or a dictionary's: the rule of the stretches that it reads."""
MAX_PRONUNCIATIONS = 100
"""The most entries of a request."""
MAX_WRITTEN, MAX_SAID = 64, 200
"""The most characters of a written form, and of how it is said."""
_SAME = str.maketrans({"\u0130": "i", "\u2019": "'"})


class Pronunciation(BaseModel):
    """How a word or a phrase is said."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="Pronunciation")

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_WRITTEN)] = Field(
        description="A word or a phrase as the text has it; with a letter or a digit."
    )
    say: Annotated[str, StringConstraints(max_length=MAX_SAID)] = Field(
        "", description="What is read instead. Beside ipa, it is for providers that take no phonemes."
    )
    ipa: Annotated[str, StringConstraints(max_length=MAX_SAID)] = Field(
        "", description="Its phonemes in the International Phonetic Alphabet, with stress marks: ˈwʊstə."
    )
    case: bool = Field(False, description="true: upper and lower case must be as in text.")
    whole_word: bool = Field(True, description="false: also within a longer word, as needed in Japanese.")

    @field_validator("text", "say")
    @classmethod
    def _is_text(cls, value: str) -> str:
        if match := NO_TEXT.search(value):
            raise PydanticCustomError("text", "must not contain {name}", {"name": ipa.named(match[0])})
        return single_spaced(compose(value))

    @field_validator("text")
    @classmethod
    def _has_a_letter(cls, value: str) -> str:
        if not LETTER.search(value):
            raise PydanticCustomError("text", "must contain a letter or a digit")
        return value

    @field_validator("ipa")
    @classmethod
    def _is_ipa(cls, value: str) -> str:
        phonemes = ipa.normalize(value)
        if symbol := ipa.unknown_symbol(phonemes):
            raise PydanticCustomError(
                "ipa", "{name} is not a symbol of the International Phonetic Alphabet", {"name": ipa.named(symbol)}
            )
        if value and not ipa.has_sound(phonemes):
            raise PydanticCustomError("ipa", "must contain a letter")
        return phonemes

    @model_validator(mode="after")
    def _is_said(self) -> Self:
        if not self.say and not self.ipa:
            raise PydanticCustomError("said", "needs say or ipa")
        return self


class Lexicon:
    """Entries that are found in a text in one pass; immutable.

    A text is compared with a tree of all entries, from each of its characters on, so their number does not matter. At
    most MAX_WRITTEN characters are looked at from each. The longest entry wins, and of equal ones the last.
    """

    def __init__(self, entries: Iterable[Pronunciation], kind: Kind) -> None:
        self.kind: Kind = kind
        self.entries = 0
        """Their number."""
        self._root: dict[str, Any] = {}
        self._anywhere = False
        """Whether an entry may begin within a word."""
        for entry in entries:
            node = self._root
            for character in _folded(entry.text):
                node = node.setdefault(character, {})
            node.setdefault("", []).append(entry)
            self.entries += 1
            self._anywhere |= not (entry.whole_word and _is_word(entry.text[0]))

    def find(self, text: str) -> Iterator[Verbalization]:
        """Yields the ranges of a composed text that entries read, in order; none overlap."""
        folded = _folded(text)
        position, length = 0, len(text)
        while position < length:
            within_word = position > 0 and _is_word(text[position - 1]) and _is_word(text[position])
            found = None if within_word and not self._anywhere else self._longest(text, folded, position)
            if found is None:
                position += 1
            else:
                yield self._verbalization(text, position, *found)
                position = found[0]

    def _longest(self, text: str, folded: str, start: int) -> tuple[int, Pronunciation] | None:
        """Returns the end of the longest entry at ``start``, and the entry."""
        node, found = self._root, None
        for stop in range(start, len(folded)):
            if folded[stop] not in node:
                break
            node = node[folded[stop]]
            if entries := node.get(""):
                fitting = (each for each in reversed(entries) if _fits(each, text, start, stop + 1))
                entry = next(fitting, None)
                found = found if entry is None else (stop + 1, entry)
        return found

    def _verbalization(self, text: str, start: int, stop: int, entry: Pronunciation) -> Verbalization:
        needs_ipa = self.kind == "pronunciation" and not entry.say
        return Verbalization(start, stop, entry.say or text[start:stop], entry.ipa, needs_ipa, self.kind)


def pronounced(script: Script, lexicons: Sequence[Lexicon], others: Mapping[str, Lexicon] | None = None) -> Script:
    """Returns a script with what the lexicons read; an earlier one takes precedence, and markup over all. Without any
    match it is the same.

    ``others`` are the dictionaries of other languages, which read the parts in these in place of that among
    ``lexicons``.
    """
    lexicons = [lexicon for lexicon in lexicons if lexicon.entries]
    others = {language: lexicon for language, lexicon in (others or {}).items() if lexicon.entries}
    if not lexicons and not others:
        return script
    passages = tuple(_pronounced(passage, lexicons, others) for passage in script.passages or (Passage(script.text),))
    if script.passages:
        return replace(script, passages=passages)
    return replace(script, passages=passages, structural=True) if passages[0].verbalizations else script


def _pronounced(passage: Passage, lexicons: Sequence[Lexicon], others: Mapping[str, Lexicon]) -> Passage:
    found = list(passage.verbalizations)
    covered = bytearray(len(passage.text))
    for each in found:
        covered[each.start : each.stop] = b"\1" * (each.stop - each.start)
    for each in chain(*(_matches(lexicon, passage) for lexicon in lexicons), _matches_in_runs(passage, others)):
        if covered.find(1, each.start, each.stop) < 0:
            covered[each.start : each.stop] = b"\1" * (each.stop - each.start)
            found.append(each)
    if len(found) == len(passage.verbalizations):
        return passage
    return replace(passage, verbalizations=tuple(sorted(found, key=lambda each: each.start)))


def _matches(lexicon: Lexicon, passage: Passage) -> Iterator[Verbalization]:
    """Yields what a lexicon reads in a passage: a dictionary only outside the parts in other languages."""
    if not passage.runs or lexicon.kind == "pronunciation":
        yield from lexicon.find(passage.text)
        return
    for start, stop, language in sections(len(passage.text), "", passage.runs):
        if not language:
            yield from _moved(lexicon.find(passage.text[start:stop]), start)


def _matches_in_runs(passage: Passage, others: Mapping[str, Lexicon]) -> Iterator[Verbalization]:
    for run in passage.runs:
        if run.language in others:
            yield from _moved(others[run.language].find(passage.text[run.start : run.stop]), run.start)


def _moved(verbalizations: Iterable[Verbalization], by: int) -> Iterator[Verbalization]:
    return (replace(each, start=each.start + by, stop=each.stop + by) for each in verbalizations)


def _folded(text: str) -> str:
    """Returns the text in lower case with straight apostrophes; as long as before."""
    return text.translate(_SAME).lower()


def _fits(entry: Pronunciation, text: str, start: int, stop: int) -> bool:
    if entry.case and entry.text != text[start:stop]:
        return False
    if stop < len(text) and unicodedata.combining(text[stop]):
        return False
    return not entry.whole_word or not (_inside(text, start) or _inside(text, stop))


def _inside(text: str, position: int) -> bool:
    """Whether a position lies within a word."""
    return 0 < position < len(text) and _is_word(text[position - 1]) and _is_word(text[position])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.combining(character) > 0
