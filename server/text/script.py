"""Prepares the text of a request: what of it is spoken, in which passages, and where in the source each word stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from server.errors import InvalidMarkup
from server.pauses import DEFAULT_PAUSES, Pauses
from server.text import markdown, plain, ssml
from server.text.blocks import Block, pause_between
from server.text.counts import count_words
from server.text.emotions import DEFAULT_TAGS, MASK, EmotionTags
from server.text.normalize import LETTER, check, compose, has_speech, normalize, require_speakable, single_spaced
from server.text.transcriptions import verbalized
from server.utterance import Passage

InputType = Literal["text", "ssml", "markdown"]
STRUCTURES = {"text": plain.read, "markdown": markdown.read}
LINE_ENDS = {ord("\r"): "\n", 0x2028: "\n", 0x2029: "\n"}
_TAG_OR_MARKUP = re.compile(rf"{MASK}+|[^{MASK}]+")


class Span(NamedTuple):
    """A range of the source, from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int


class Omission(NamedTuple):
    """A range of the source that has letters or digits and is not spoken."""

    span: Span
    reason: Literal["emotion tag", "markup", "nothing to speak"]
    """What it is; "nothing to speak" are signs with letters that have no sound, such as an emoticon by itself."""


@dataclass(frozen=True, slots=True)
class Script:
    """A text to be spoken."""

    text: str
    """What is counted: without tags and markup, with single spaces. Each block of plain text or Markdown is a line."""
    words: int
    passages: tuple[Passage, ...] = ()
    """Empty for a text of one block without phonemes."""
    structural: bool = False
    """Whether the passages follow the structure of a text. False for SSML, whose pauses are the client's order."""
    source: str = ""
    """The text as it was sent, with MASK for each character of an emotion tag; empty for SSML."""
    blocks: tuple[Block, ...] = ()
    """The blocks of plain text or Markdown, those without anything to speak included."""

    def spans(self) -> list[Span]:
        """Returns the range of the source in which each of ``text.split()`` stands; none for SSML."""
        return [
            span for block in self.blocks if _spoken(block, self.source) for span in _word_spans(block, self.source)
        ]

    def omissions(self) -> list[Omission]:
        """Returns what is not spoken of plain text or Markdown though it has letters or digits, in order."""
        omissions = [
            Omission(Span(start, stop), "nothing to speak")
            for block in self.blocks
            if not _spoken(block, self.source)
            for start, stop, _ in block.fragments
            if LETTER.search(self.source, start, stop)
        ]
        position = 0
        fragments = [fragment for block in self.blocks for fragment in block.fragments]
        spoken = sorted((start, stop) for start, stop, text in fragments if text is None or text.strip())
        for start, stop in [*spoken, (len(self.source), len(self.source))]:
            omissions += _omissions(self.source, position, start)
            omissions += [each for each in _omissions(self.source, start, stop) if each.reason == "emotion tag"]
            position = max(position, stop)
        return sorted(omissions)


class ScriptParser:
    """Parses texts of any input type; thread-safe."""

    def __init__(
        self, tags: EmotionTags = DEFAULT_TAGS, pauses: Pauses = DEFAULT_PAUSES, max_break_seconds: float = 10.0
    ) -> None:
        """``tags`` are not spoken; ``max_break_seconds`` is the longest break of SSML."""
        self._tags = tags
        self._pauses = pauses
        self._max_break_seconds = max_break_seconds

    def parse(
        self,
        text: str,
        input_type: InputType,
        language: str,
        speed: float = 1.0,
        languages: Callable[[str], str | None] | None = None,
    ) -> Script:
        """Returns the script of a text in a language (BCP 47) that is spoken at ``speed``. ``languages`` returns the
        voice's own code for a language that parts of SSML may have; None where it has none.

        Takes linear time. Raises InvalidText, InvalidMarkup and NothingToSpeak.
        """
        check(text)
        if input_type == "ssml":
            return self._parse_ssml(text, language, languages)
        if ssml.looks_like_ssml(text):
            raise InvalidMarkup('the text is SSML: set "input_type": "ssml", or send plain text', param="input_type")
        source = self._tags.mask(text).replace("\r\n", " \n").translate(LINE_ENDS)
        blocks = STRUCTURES[input_type](source)
        passages = tuple(self._passages(blocks, source, speed))
        spoken = "\n".join(passage.text for passage in passages)
        require_speakable(spoken)
        words = count_words(spoken, language)
        structure = passages if len(passages) > 1 or passages[0].verbalizations else ()
        return Script(spoken, words, structure, bool(structure), source, tuple(blocks))

    def _parse_ssml(self, text: str, language: str, languages: Callable[[str], str | None] | None) -> Script:
        passages = ssml.parse(
            text,
            language,
            self._max_break_seconds,
            self._tags,
            paragraph=self._pauses.paragraph,
            languages=languages,
        )
        spoken = normalize(" ".join(passage.text for passage in passages), self._tags)
        return Script(spoken, count_words(spoken, language), passages)

    def _passages(self, blocks: Sequence[Block], source: str, speed: float) -> Iterator[Passage]:
        """Yields a passage for each block that has something to speak, with the pause after it."""
        spoken = [(block, text) for block in blocks if (text := _spoken(block, source))]
        for (block, text), (following, _) in pairwise(spoken):
            yield _passage(text, pause_between(block, following, self._pauses) / speed)
        if spoken:
            yield _passage(spoken[-1][1])


def _passage(text: str, pause: float | None = None) -> Passage:
    """Returns a passage of the text of a block."""
    written, verbalizations = verbalized(text)
    return Passage(written, pause=pause, verbalizations=verbalizations)


def _spoken(block: Block, source: str) -> str:
    """Returns the text of a block, with marks for given phonemes; empty if there is nothing to speak."""
    text = single_spaced(compose(block.raw(source).replace(MASK, "")))
    return text if has_speech(text) else ""


def _word_spans(block: Block, source: str) -> Iterator[Span]:
    """Yields the range of the source of each word of a block: from its first character to its last one."""
    first: int | None = None
    last = 0
    for start, stop, text in block.fragments:
        for offset, character in enumerate(source[start:stop] if text is None else text):
            if character == MASK:
                continue
            if character.isspace():
                if first is not None:
                    yield Span(first, last)
                first = None
            else:
                begin, end = (start + offset, start + offset + 1) if text is None else (start, stop)
                first, last = begin if first is None else first, end
    if first is not None:
        yield Span(first, last)


def _omissions(source: str, start: int, stop: int) -> Iterator[Omission]:
    """Yields the emotion tags and the markup with letters or digits between ``start`` and ``stop``."""
    for match in _TAG_OR_MARKUP.finditer(source, start, stop):
        if match[0].startswith(MASK):
            yield Omission(Span(*match.span()), "emotion tag")
        elif LETTER.search(match[0]):
            begin = match.start() + len(match[0]) - len(match[0].lstrip())
            yield Omission(Span(begin, match.start() + len(match[0].rstrip())), "markup")
