"""The pace of voices: estimates how many seconds of audio a text becomes, for all providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.audio.length_bounds import stretch
from server.errors import NothingToSpeak, TextTooLong
from server.utterance import Utterance

WARM_UP = ("1", "1234567 1234567")
"""A short and a long text that every voice can read."""
SECONDS_PER_CHARACTER = 0.065
"""Seconds per character of English at an ordinary pace (930 characters a minute), until a voice is measured."""
CHARACTERS_PER_PHONEME = 0.755
"""Measured with the default voice, as is CHARACTERS_PER_SENTENCE. Of 68 clips of prose and of numbers of all kinds,
80 % were within 9 % of what these two say, and all within 26 %."""
CHARACTERS_PER_SENTENCE = 4.4
"""The characters that last as long as the beginning and the end of a sentence."""

STIFFNESS = 0.3
"""The share of the audio's length that speed does not change, in models whose phonemes last whole frames: at speed 4
the default voice takes 0.5 of the time and hibari 0.46; at speed 0.5 the default voice takes 1.7."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A voice's seconds of audio per symbol and per sentence, from two measured sentences."""

    per_symbol: float
    """Seconds of audio per phoneme or character."""
    per_sentence: float
    """Additional seconds of audio per sentence."""

    @classmethod
    def measured(cls, short: tuple[int, float], long: tuple[int, float]) -> Pace:
        """Returns the pace from (symbols, seconds) of two sentences."""
        per_symbol = max(0.0, (long[1] - short[1]) / max(1, long[0] - short[0])) or long[1] / max(1, long[0])
        return cls(per_symbol, max(0.0, short[1] - short[0] * per_symbol))

    def seconds(self, symbols: int, speed: float) -> float:
        """Returns the seconds of audio of a sentence with ``symbols`` symbols."""
        return (self.per_sentence + symbols * self.per_symbol) * stretch(speed, STIFFNESS)


def characters_as_long(phonemes: int, speed: float) -> float:
    """Returns how many characters of ordinary text last as long at speed 1 as a sentence at ``speed``.

    ``phonemes`` counts its phonemes with stress marks and the spaces between words. They tell more than the sentence's
    own characters: "$5" lasts longer than "as".
    """
    return (phonemes * CHARACTERS_PER_PHONEME + CHARACTERS_PER_SENTENCE) * stretch(speed, STIFFNESS)


def estimate(utterance: Utterance) -> float:
    """Returns the estimated seconds of audio, from the number of characters alone."""
    return utterance.characters * SECONDS_PER_CHARACTER / utterance.speed


def expect(sentences: Sequence[float], silence: float, limit: float) -> float:
    """Returns the expected seconds of a text: the sum of its ``sentences`` (seconds each), plus ``silence``.

    Raises NothingToSpeak when there are no sentences, TextTooLong when the result is above ``limit``.
    """
    if not sentences:
        raise NothingToSpeak("the text has nothing that can be spoken", param="text")
    expected = sum(sentences) + silence
    if expected > limit:
        raise TextTooLong(
            f"the text would take about {expected:.0f} s to speak, the limit is {limit:.0f} s", param="text"
        )
    return expected
