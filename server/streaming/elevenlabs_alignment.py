"""The times of single characters, which ElevenLabs' clients read: a word's characters share its time evenly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from server.audio.formats import Format
from server.streaming.audio_stream import EncodedAudio
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


def alignment(words: Sequence[Word]) -> dict[str, Any]:
    """Returns the alignment of a call: times are in seconds from the beginning of the audio."""
    characters = list(timed_characters(words))
    return {
        "characters": [each.character for each in characters],
        "character_start_times_seconds": [round(each.start, 3) for each in characters],
        "character_end_times_seconds": [round(each.end, 3) for each in characters],
    }


class AlignmentClock:
    """Times the characters of one context, message by message.

    The words of a sentence are timed in the message with the sentence's first audio. Each alignment ends with a space
    that lasts until the end of the message's audio, and what follows the words in later messages is a space alone. So
    the alignments of a context are as long as its audio, for clients that add them up.
    """

    def __init__(self, form: Format, *, timed: bool, continuous: bool) -> None:
        """``form`` is the format of the audio. ``timed`` is whether the voice has times of words. ``continuous`` counts
        times from the beginning of the context's audio, not of the message's."""
        self._byte_rate = form.byte_rate(0) if form.codec is None else None
        """The bytes of a second, where a message's length tells how long it is."""
        self._timed = timed
        self._continuous = continuous
        self._seconds = 0.0
        """The seconds of audio so far."""
        self._aligned = 0
        """The end of the last alignment, in milliseconds from the beginning of the context's audio."""

    def align(self, piece: EncodedAudio) -> dict[str, Any] | None:
        """Returns the alignment of the next piece of the audio; None if it has none."""
        origin = _milliseconds(self._seconds)
        self._seconds += piece.seconds if self._byte_rate is None else len(piece.data) / self._byte_rate
        end = _milliseconds(self._seconds)
        if not self._timed:
            return None
        characters = timed_characters(piece.words)
        times = [(each.character, _milliseconds(each.start), _milliseconds(each.end)) for each in characters]
        if times:
            _, start, _ = times.pop()
        else:
            start = origin = self._aligned
            if end <= start:
                return None
        self._aligned = max(start, end)
        times.append((" ", start, self._aligned))
        return _alignment(times, 0 if self._continuous else origin)


def _alignment(times: Sequence[tuple[str, int, int]], origin: int) -> dict[str, Any]:
    """Returns the alignment of a message for characters with their start and end in milliseconds."""
    return {
        "chars": [character for character, _, _ in times],
        "charStartTimesMs": [start - origin for _, start, _ in times],
        "charDurationsMs": [end - start for _, start, end in times],
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1e3)
