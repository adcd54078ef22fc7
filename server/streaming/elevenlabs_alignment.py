"""The times of single characters, which ElevenLabs' clients read: a word's characters share its time evenly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from server.audio.formats import Format
from server.utterance import Word


class TimedCharacter(NamedTuple):
    """A character, and when it is spoken, in seconds."""

    character: str
    start: float
    end: float


def timed_characters(words: Sequence[Word]) -> Iterator[TimedCharacter]:
    """Yields the characters of words in order. After each word is a space, which lasts until the next word begins; the
    last one has no length."""
    for word, following in zip_longest(words, words[1:]):
        share = (word.end - word.start) / len(word.written)
        for number, character in enumerate(word.written):
            yield TimedCharacter(character, word.start + number * share, word.start + (number + 1) * share)
        yield TimedCharacter(" ", word.end, word.end if following is None else following.start)


class AlignmentClock:
    """Times the characters of one audio, message by message, from its beginning.

    The words of a sentence are timed in the message with the sentence's first audio. The characters of a message end
    with a space that lasts until the end of its audio, and what follows the words in later messages is a space alone.
    So the times of all messages are as long as the audio, for clients that add them up.
    """

    def __init__(self, form: Format) -> None:
        """``form`` is the format of the audio."""
        self._byte_rate = form.byte_rate(0) if form.codec is None else None
        """The bytes of a second, where a message's length tells how long it is."""
        self._seconds = 0.0
        """The seconds of audio so far."""
        self._aligned = 0.0
        """The end of the last space."""

    def align(self, data: bytes, words: Sequence[Word], seconds: float = 0.0) -> tuple[float, list[TimedCharacter]]:
        """Returns where the next message begins, and its characters, if it has any. ``seconds`` is the length of
        compressed audio, 0 if it is not known."""
        begin = self._seconds
        self._seconds += seconds if self._byte_rate is None else len(data) / self._byte_rate
        characters = list(timed_characters(words))
        if characters:
            start = characters.pop().start
        else:
            begin = start = self._aligned
            if self._seconds <= start:
                return begin, []
        self._aligned = max(start, self._seconds)
        return begin, [*characters, TimedCharacter(" ", start, self._aligned)]


def socket_alignment(characters: Sequence[TimedCharacter], origin: float) -> dict[str, Any] | None:
    """Returns the alignment of a socket's message, with times from ``origin`` on; None without characters."""
    if not characters:
        return None
    times = [(_milliseconds(each.start), _milliseconds(each.end)) for each in characters]
    return {
        "chars": [each.character for each in characters],
        "charStartTimesMs": [start - _milliseconds(origin) for start, _ in times],
        "charDurationsMs": [end - start for start, end in times],
    }


def call_alignment(characters: Sequence[TimedCharacter]) -> dict[str, Any] | None:
    """Returns the alignment of a call's answer, with times from the beginning of the audio; None without characters."""
    if not characters:
        return None
    return {
        "characters": [each.character for each in characters],
        "character_start_times_seconds": [round(each.start, 3) for each in characters],
        "character_end_times_seconds": [round(each.end, 3) for each in characters],
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1e3)
