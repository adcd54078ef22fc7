"""Estimates bounds of a text's spoken duration from its characters alone, for voices that were not measured."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds of sound without pauses; hardly any voice takes less or more."""

    minimum: float
    maximum: float

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(self.minimum + other.minimum, self.maximum + other.maximum)

    def __mul__(self, times: int) -> Bounds:
        return Bounds(self.minimum * times, self.maximum * times)


# Seconds per character at speed 1. Measured with two voices over 440 texts: tests/long/test_quality_calibration.py.
NOTHING = Bounds(0.0, 0.0)
LETTER = Bounds(0.04, 0.075)
"""A letter of a word: prose takes 0.053 (joe) to 0.057 (hibari)."""
CAPITAL = Bounds(0.04, 0.4)
"""Spoken as a word (NASA, HELLO) or letter by letter (FBI)."""
CONSONANT = Bounds(0.13, 0.5)
"""A letter of a word without vowels: mostly spelled (0.2 to 0.25), but there is also "hmm"."""
SINGLE = Bounds(0.05, 0.45)
"""A letter alone: from the article "a" to "W"."""
OWN_LETTER = Bounds(0.03, 0.2)
"""A letter of a non-Latin alphabet, in a language written in it; not all alphabets write their vowels."""
YEAR_DIGIT = Bounds(0.22, 0.55)
"""A digit of a number of up to 4 digits: 0.25 to 0.45."""
DIGIT = Bounds(0.28, 0.55)
"""A digit of a larger number, which is read as a number: 0.39 to 0.47."""
LONG_DIGIT = Bounds(0.17, 0.55)
"""A digit of a number that is long enough to be read digit by digit: 0.22."""
ZERO = Bounds(0.03, 0.55)
"""1000000 is two words."""
KANA = Bounds(0.07, 0.35)
SYLLABLE = Bounds(0.09, 0.6)
"""A character of Chinese, Japanese or Korean: 0.15 to 0.25."""
UNKNOWN = Bounds(0.0, 1.6)
"""A character of a script that the language is not written in: skipped, or read as "Chinese letter"."""
READ_SIGN = Bounds(0.18, 1.0)
"""A sign that every voice reads."""
SYMBOL = Bounds(0.0, 2.0)
"""An emoji or another sign: skipped, or read by its whole name, such as "symbol two six zero five" (1.8)."""
JOINT = Bounds(0.1, 0.6)
"""The "point" of 3.14, the "at" of an address."""
MARK = Bounds(0.04, 0.06)
"""A mark after a word. Its pause is not counted, but it lengthens the sound before it by about 0.1."""
ODD_MARK = Bounds(0.0, 0.15)
"""A mark next to other marks or within a word, which may be read by its name."""
NAMED_MARK = Bounds(0.0, 0.9)
"""A mark with a long name, such as "backslash"."""

YEAR, LONG_NUMBER = 4, 10
"""Digits."""
LONGEST_ACRONYM = 6
SPOKEN_LETTERS = 30
"""The number of letters of a word that are certainly spoken. Models skip letters of longer words (hibari: more than
half of 90)."""
LEAST_SLACK = 0.12
"""Seconds subtracted from the lower bound: the soft beginning and end of a short word are too quiet to count."""
MOST_SLACK = 0.8
"""Seconds added to the upper bound: a single word is spoken slowly (0.3 to 0.7 s)."""
STIFFNESS = Bounds(0.1, 0.25)
"""The share of the time that speed does not change. A phoneme of VITS lasts at least one frame, so speed 4 takes 0.36
to 0.4 of the time instead of 0.25; other engines are exact. The bounds must fit both."""

OWN_ALPHABET = frozenset(
    "am ar be bg bn el fa gu he hi hy ka kk km kn lo mk ml mn mr my ne pa ru si sr ta te th uk ur".split()  # noqa: SIM905
)
"""Languages with an alphabet of their own."""
SYLLABIC = frozenset({"ja", "ko", "yue", "zh"})

_TOKENS = re.compile(r"[^\W\d_]+|\d+|\S")
_KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f]")
_LATIN = re.compile(r"[a-z\u00aa-\u024f\u1e00-\u1eff]+", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouy\u00aa-\u024f\u1e00-\u1eff]", re.IGNORECASE)
_HARD = re.compile(r"[^aeiouy\u00aa-\u024f\u1e00-\u1eff]{5}", re.IGNORECASE)
_REPEATED = re.compile(r"(.{1,16}?)\1{2,}", re.DOTALL)
_REPEATED_BY_LENGTH = [re.compile(rf"(.{{{length}}})\1{{2,}}", re.DOTALL) for length in range(1, 17)]
_READ = frozenset("$\u20ac\u00a3%&+=")
_NAMED = frozenset("*/\\#")


def bounds(text: str, language: str, speed: float) -> Bounds:
    """Returns the bounds for the text of an utterance.

    ``language`` is a BCP 47 code; ``speed`` 1 is the voice's own pace.
    """
    primary = language.partition("-")[0]
    minimum = max(0.0, _total(once(text), primary).minimum - LEAST_SLACK)
    maximum = _total(text, primary).maximum + MOST_SLACK
    little, much = stretch(speed, STIFFNESS.minimum), stretch(speed, STIFFNESS.maximum)
    return Bounds(minimum * min(little, much), maximum * max(1 / speed, much))


def once(text: str) -> str:
    """Returns the text with every run of three or more equal units, of up to 16 characters, reduced to one instance.

    Only one instance is certain to be spoken: espeak names three of 30 equal signs, and a voice speaks "haha" a hundred
    times in half of the usual time.
    """
    if _REPEATED.search(text):
        for repeated in _REPEATED_BY_LENGTH:  # a repeated unit may contain repetitions: <<<=<<<=<<<=
            text = repeated.sub(r"\1", text)
    return text


def stretch(speed: float, stiffness: float) -> float:
    """Returns the factor on the duration of speech at ``speed``, when the share ``stiffness`` of its time stays the
    same."""
    return stiffness + (1 - stiffness) / speed


def _total(text: str, language: str) -> Bounds:
    """Returns the sum over the text's tokens."""
    minimum = maximum = 0.0
    for token in _TOKENS.finditer(text):
        start, end = token.span()
        share = _of_token(token[0], text[max(0, start - 1) : start], text[end : end + 1], language)
        minimum, maximum = minimum + share.minimum, maximum + share.maximum
    return Bounds(minimum, maximum)


def _of_token(token: str, before: str, after: str, language: str) -> Bounds:
    first = token[0]
    if first.isalpha():
        return _of_word(token, language)
    if first.isdecimal():
        return _of_number(token)
    return _of_sign(first, before, after)


def _of_number(digits: str) -> Bounds:
    zeros = digits.count("0")
    of_number = DIGIT if len(digits) < LONG_NUMBER else LONG_DIGIT
    each = YEAR_DIGIT if len(digits) <= YEAR else of_number
    return ZERO * zeros + each * (len(digits) - zeros)


def _of_sign(sign: str, before: str, after: str) -> Bounds:
    if unicodedata.category(sign)[0] in "SN":
        return READ_SIGN if sign in _READ else SYMBOL
    if sign == "@" or (sign == "." and (before + after).isdecimal() and before and after):
        return JOINT
    if sign in _NAMED:
        return NAMED_MARK
    return MARK if before.isalnum() and not after.strip() else ODD_MARK


def _of_word(word: str, language: str) -> Bounds:
    """Returns the bounds of a word of letters alone."""
    if _WIDE.search(word):
        return sum((_of_character(character, language) for character in word), NOTHING)
    if not _LATIN.fullmatch(word):
        return (OWN_LETTER if language in OWN_ALPHABET else UNKNOWN) * len(word)
    if language in SYLLABIC:
        return Bounds(0.0, CAPITAL.maximum * len(word))
    if len(word) == 1:
        return SINGLE
    letters = len(once(word))
    counted = min(letters, SPOKEN_LETTERS)
    if word.isupper() and len(word) <= LONGEST_ACRONYM:
        each = CAPITAL
    elif not _VOWEL.search(word):
        each = CONSONANT
    else:
        spelled = _HARD.search(word) or 3 * letters <= len(word)
        each = Bounds(LETTER.minimum, (CAPITAL if spelled else LETTER).maximum)
    return Bounds(each.minimum * counted, each.maximum * len(word))


def _of_character(character: str, language: str) -> Bounds:
    """Returns the bounds of a character of a word that has characters for syllables."""
    if language not in SYLLABIC:
        return UNKNOWN
    return KANA if _KANA.match(character) else SYLLABLE
