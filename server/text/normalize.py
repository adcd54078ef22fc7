"""Normalises the text that is spoken and counted: composed, without emotion tags, with single spaces."""

from __future__ import annotations

import re
import unicodedata

from server.errors import InvalidText, NothingToSpeak
from server.text import rulers
from server.text.emotions import DEFAULT_TAGS, EmotionTags
from server.text.sentences import is_speakable

NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode's category Cc) except tabs and line breaks, and halves of surrogate pairs (Cs)."""
LETTER = re.compile(r"[^\W_]")
"""Matches a letter or a digit; no ruler has one."""

MAX_MARKS = 30
"""The maximum number of combining marks in a row that are kept: the bound of UAX 15's Stream-Safe Text Format. No
writing system has more than ten, and the time to compose them grows with the square of their number."""
_LONG_RUN = re.compile(rb"[^\0]{%d,}" % (MAX_MARKS + 1))


def check(text: str) -> None:
    """Raises InvalidText if ``text`` contains what can't be text: control characters or half of a surrogate pair."""
    match = NO_TEXT.search(text)
    if match is not None:
        kind = "half of a surrogate pair" if "\ud800" <= match[0] <= "\udfff" else "a control character"
        raise InvalidText(
            f"text has {kind}, U+{ord(match[0]):04X}, at position {match.start()}; remove it", param="text"
        )


def compose(text: str) -> str:
    """Returns the text in NFC, with the first 30 combining marks of a longer run. Takes linear time."""
    return unicodedata.normalize("NFC", _stream_safe(text))


def _stream_safe(text: str) -> str:
    if text.isascii():
        return text
    classes = bytes(map(unicodedata.combining, text))  # 0 for everything but combining marks
    stretches, start = [], 0
    for run in _LONG_RUN.finditer(classes):
        stretches.append(text[start : run.start() + MAX_MARKS])
        start = run.end()
    return "".join((*stretches, text[start:]))


def normalize(text: str, tags: EmotionTags = DEFAULT_TAGS) -> str:
    """Returns a text without structure as it is spoken. Raises NothingToSpeak if it is empty, or only punctuation and
    rulers (====)."""
    spoken = single_spaced(tags.remove(compose(text)))
    require_speakable(spoken)
    return spoken


def single_spaced(text: str) -> str:
    """Returns the text with one space for each stretch of white space, and none around it."""
    return " ".join(text.split())


def has_speech(text: str) -> bool:
    """Whether the text has something to speak outside rulers."""
    return LETTER.search(text) is not None or is_speakable(rulers.without(text))


def require_speakable(text: str) -> None:
    """Raises NothingToSpeak if the text has nothing to speak."""
    if not has_speech(text):
        raise NothingToSpeak(
            "text has nothing to speak: no letter, digit or symbol outside emotion tags and rulers (====)",
            param="text",
        )
