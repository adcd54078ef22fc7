"""Reads a text: divides it into sentences with their pauses and pace, and finds the spoken form of each word."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar

from server.text import english, european, language_marks, rulers, transcriptions
from server.text.english import sentence_ends
from server.text.european import sentence_boundaries
from server.text.language_runs import aligned, language_at, overlapping, section_ends, sections
from server.text.rules import Rule, Stretch, apply, rule
from server.text.sentences import is_speakable
from server.utterance import LanguageRun, Passage, Utterance, Verbalization

T = TypeVar("T")
PAUSE = 0.2
"""Seconds of silence between sentences at speed 1. The default voice itself ends a sentence with 110 to 250 ms of
silence and begins one with 60: together nearly half a second, as long as a reader pauses."""
EMOJI: tuple[Rule, ...] = (
    # Skin tones, variation selectors and joiners have no sound; espeak spells a flag's letters out as code points.
    rule("emoji", "[\U0001f1e6-\U0001f1ff]{1,8}", ""),
    rule("emoji", "[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]{1,8}", ""),
    rule("emoji", "\u200d", " "),
)
UNFINISHED = re.compile(
    r"(?:\b(?:approx|Nr|Abb|Fig|fig|Sr|Sra|Dr|Dra|Prof|Mr|Mrs|Ms|Sig|Dott|Dhr|Mevr)\.|(?<!\w)M\.|(?<!\w)p\. ex\.)\s*$"
)
"""Matches the end of a part whose sentence goes on: sentencex takes some abbreviations for the end of a sentence."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A run of text without spaces, or a longer part that is read as one, such as "5 km"."""

    written: str
    spoken: str
    """In letters."""
    marked: str = ""
    """With marks around what has phonemes of its own (server.text.transcriptions); empty if nothing has."""
    language: str = ""
    """The language (BCP 47) in which it is spoken; empty for that of the utterance."""

    @property
    def transcribed(self) -> str:
        """What a phonemizer reads."""
        return _transcribed([self])


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence as it is read, at its pace and with the silence after it."""

    words: tuple[SpokenWord, ...]
    speed: float = 1.0
    pause: float = 0.0
    """Seconds of silence after it."""
    usual_pause: float = 0.0
    """Seconds of silence after each of its phrases but the last, if it has to be cut."""
    written: str = ""
    """The sentence as it was written, with the space after it."""
    stretches: tuple[Stretch, ...] = ()
    """The ranges of ``written`` that are read by a rule, in order."""
    passage: int = 0
    """The number of its passage, from 0."""
    start: int = 0
    """Where ``written`` begins in the text of its passage."""

    @property
    def text(self) -> str:
        """The words that are spoken, in letters."""
        return " ".join(word.spoken for word in self.words if word.spoken)

    @property
    def transcribed(self) -> str:
        """The words as a phonemizer reads them."""
        return _transcribed([word for word in self.words if word.spoken])

    @property
    def language(self) -> str:
        """The language of most of its characters; empty for that of the utterance."""
        if not any(word.language for word in self.words):
            return ""
        counts: Counter[str] = Counter()
        for word in self.words:
            counts[word.language] += len(word.spoken)
        return counts.most_common(1)[0][0]

    def paused(self, phrases: Sequence[T]) -> Iterator[tuple[T, float]]:
        """Yields each of the phrases that it is cut into, with the silence after it."""
        for number, phrase in enumerate(phrases):
            yield phrase, self.pause if number == len(phrases) - 1 else self.usual_pause


@dataclass(frozen=True, slots=True)
class SpokenText:
    """All sentences of an utterance."""

    leading_silence: float
    """Seconds of silence before the first one."""
    sentences: tuple[SpokenSentence, ...]

    @property
    def text(self) -> str:
        """The words that are spoken."""
        return " ".join(sentence.text for sentence in self.sentences)


def read_utterance(utterance: Utterance) -> SpokenText:
    """Returns the utterance's sentences that have something to speak, and the pauses of the others."""
    return read_passages(utterance.passages or (Passage(utterance.text),), utterance.language, utterance.speed)


def read_passages(passages: Sequence[Passage], language: str, speed: float) -> SpokenText:
    """Returns the same for the passages of a text in a language (BCP 47) that is spoken at ``speed``."""
    sentences: list[SpokenSentence] = []
    leading_silence = 0.0
    for index, passage in enumerate(passages):
        pace = speed * passage.rate
        usual = PAUSE / pace
        after = usual if passage.pause is None else passage.pause
        own = [
            sentence
            for sentence in read_text(passage.text, language, passage.verbalizations, passage.runs)
            if is_speakable(sentence.text)
        ]
        for number, sentence in enumerate(own):
            pause = after if number == len(own) - 1 else usual
            sentences.append(replace(sentence, speed=pace, pause=pause, usual_pause=usual, passage=index))
        if own or passage.pause is None:
            continue
        if sentences:
            sentences[-1] = replace(sentences[-1], pause=sentences[-1].pause + passage.pause)
        else:
            leading_silence += passage.pause
    if sentences and passages[-1].pause is None:
        sentences[-1] = replace(sentences[-1], pause=0.0)
    return SpokenText(leading_silence, tuple(sentences))


def read_text(
    text: str, language: str, fixed: Sequence[Verbalization] = (), runs: Sequence[LanguageRun] = ()
) -> list[SpokenSentence]:
    """Returns the sentences of a normalised text in a language (BCP 47); ``fixed`` says how parts of it are read, and
    ``runs`` which are in other languages.

    Takes 2 to 4 ms for 1,000 characters, and linear time for any text.
    """
    runs = aligned(runs, fixed)
    sentences, later, runs_later = [], deque(fixed), deque(runs)
    for start, stop in _unbroken(_spans(text, language, runs), fixed):
        within = []
        while later and later[0].start < stop:
            each = later.popleft()
            within.append(replace(each, start=each.start - start, stop=each.stop - start))
        sentence, own = text[start:stop], overlapping(runs_later, start, stop)
        stretches = _stretches(sentence, language, within, own)
        words = tuple(_words(sentence, stretches, language, own))
        if words:
            sentences.append(SpokenSentence(words, written=sentence, stretches=tuple(stretches), start=start))
    return sentences


def _stretches(
    sentence: str, language: str, fixed: Sequence[Verbalization], runs: Sequence[LanguageRun]
) -> list[Stretch]:
    """Returns the stretches of a sentence, of each run by the rules of its language."""
    if not runs:
        return apply(_rules(language), sentence, fixed)
    stretches: list[Stretch] = []
    later = deque(fixed)
    for start, stop, spoken in sections(len(sentence), language, runs):
        within = []
        while later and later[0].start < stop:
            order = later.popleft()
            within.append(replace(order, start=order.start - start, stop=order.stop - start))
        own = apply(_rules(spoken), sentence[start:stop], within)
        stretches += [replace(each, start=each.start + start, stop=each.stop + start) for each in own]
    return stretches


def _unbroken(spans: Sequence[tuple[int, int]], fixed: Sequence[Verbalization]) -> Iterator[tuple[int, int]]:
    """Yields the spans; those between which a verbalization lies are joined."""
    inside = {position for each in fixed for position in range(each.start + 1, each.stop)}
    begin = 0
    for _, stop in spans:
        if stop not in inside:
            yield begin, stop
            begin = stop


def _spans(text: str, language: str, runs: Sequence[LanguageRun]) -> list[tuple[int, int]]:
    """Returns ``sentence_spans``, within each run by its own language."""
    spans = sentence_spans(text, language)
    if not runs:
        return spans
    ends = section_ends([stop for _, stop in spans], text, runs, sentence_spans)
    return list(zip([0, *ends], ends, strict=False))


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Returns the start and end of each sentence of ``text``, with the spaces after it; joined, they are the text."""
    from sentencex import segment

    ends, end = [], 0
    for sentence in segment(language, text):
        end += len(sentence)
        if not UNFINISHED.search(sentence[-12:]):
            ends.append(end)
    if _is_english(language):
        ends = sentence_ends.correct(text, ends)
    else:
        ends = sentence_boundaries.correct(text, ends, language.partition("-")[0])
    if end and ends[-1:] != [end]:
        ends.append(end)
    return list(zip([0, *ends], ends, strict=False))


def _is_english(language: str) -> bool:
    return language.partition("-")[0] == "en"


def _rules(language: str) -> tuple[Rule, ...]:
    own = english.rules(language) if _is_english(language) else european.rules(language.partition("-")[0])
    return own + EMOJI + rulers.RULES


def _words(
    sentence: str, stretches: Sequence[Stretch], language: str, runs: Sequence[LanguageRun]
) -> Iterator[SpokenWord]:
    """Yields the words of a sentence, which only spaces separate."""
    written, spoken, position = "", "", 0
    for token, token_spoken in [*_tokens(sentence, stretches), (" ", "")]:
        if token.isspace():
            if written:
                word = _word(written, spoken)
                yield replace(word, language=language_at(runs, written, position, language)) if runs else word
            position += len(written) + len(token)
            written, spoken = "", ""
        else:
            written, spoken = written + token, spoken + token_spoken


def _word(written: str, spoken: str) -> SpokenWord:
    marked = " ".join(spoken.split())
    in_letters = transcriptions.plain(marked)
    return SpokenWord(written, in_letters, "" if in_letters == marked else marked)


def _transcribed(words: Sequence[SpokenWord]) -> str:
    """Returns words as a phonemizer reads them: neighbours of one other language together, with marks."""
    parts = []
    for language, group in groupby(words, key=lambda word: word.language):
        text = " ".join(word.marked or word.spoken for word in group)
        parts.append(language_marks.mark(text, language) if language else text)
    return " ".join(parts)


def _tokens(sentence: str, stretches: Sequence[Stretch]) -> Iterator[tuple[str, str]]:
    """Yields the tokens of a sentence in order, each with its spoken form: stretches, runs without a space, and spaces
    alone."""
    position = 0
    for stretch in [*stretches, Stretch(len(sentence), len(sentence), "", "")]:
        for token in re.findall(r"\s+|\S+", sentence[position : stretch.start]):
            yield token, token
        if stretch.start < stretch.stop:
            spoken = transcriptions.mark(stretch.spoken, stretch.ipa) if stretch.ipa else stretch.spoken
            yield sentence[stretch.start : stretch.stop], spoken
        position = stretch.stop
