"""Phonemes of words within a text: marks that hold them, and how they replace what a phonemizer says instead.

A phonemizer reads a whole text, since a word's neighbours change it ("the" before a vowel) and are changed by it. So it
gets a nonsense word in place of each transcribed one, which begins and ends with the same kind of sound. Then the
phonemes of the nonsense word are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from server.text import ipa
from server.utterance import Verbalization

OPEN, MIDDLE, CLOSE = "\x01", "\x02", "\x03"
"""Control characters, which no request may contain: written, then phonemes, stand between them."""
SPACE = "\x04"
"""Stands for a space among phonemes, so that each space of a text separates two written words."""
MARKED = re.compile(f"{OPEN}([^{OPEN}{MIDDLE}{CLOSE}]*){MIDDLE}([^{OPEN}{MIDDLE}{CLOSE}]*){CLOSE}")
_GLUED = re.compile(rf"(?<=\w)(?={OPEN})|(?<={CLOSE})(?=\w)")
STRESS = frozenset("ˈˌ")


def mark(written: str, phonemes: str) -> str:
    """Returns a text that stands for ``written`` and is pronounced as ``phonemes`` (normalised IPA)."""
    return f"{OPEN}{written}{MIDDLE}{phonemes.replace(' ', SPACE)}{CLOSE}"


def plain(text: str) -> str:
    """Returns the text with the written words in place of their transcriptions."""
    return MARKED.sub(r"\1", text) if OPEN in text else text


def phonemes_in(text: str) -> list[str]:
    """Returns the phonemes of each transcription in ``text``, in order."""
    return [match[2].replace(SPACE, " ") for match in MARKED.finditer(text)]


def verbalized(text: str) -> tuple[str, tuple[Verbalization, ...]]:
    """Returns a composed text without its marks, and the ranges that they held."""
    verbalizations, length, position = [], 0, 0
    for match in MARKED.finditer(text):
        start = length + match.start() - position
        length, position = start + len(match[1]), match.end()
        phonemes = ipa.normalize(match[2].replace(SPACE, " "))
        verbalizations.append(Verbalization(start, length, match[1], phonemes, needs_ipa=True))
    return plain(text), tuple(verbalizations)


def stand_in(phonemes: str) -> str:
    """Returns the nonsense word that a phonemizer reads in place of ``phonemes``: an ending such as 's suits both."""
    last = ipa.last_letter(phonemes)
    end = "nosh" if last in ipa.SIBILANTS else "nok" if last in ipa.VOICELESS else "no"
    return f"{'O' if ipa.begins_with_vowel(phonemes) else 'Ku'}bamilu{end}"


def disguise(text: str) -> str:
    """Returns the text with a nonsense word in place of each transcription."""
    return MARKED.sub(lambda match: stand_in(match[2]), _GLUED.sub(" ", text))


def reveal(sentence: str, text: str, alone: Mapping[str, str]) -> str | None:
    """Returns the phonemes of a sentence with the transcriptions in place of their nonsense words.

    ``sentence`` has the phonemes of ``disguise(text)``; ``alone`` has those of each nonsense word by itself, which is
    found whatever its stress. None if one is not found: a phonemizer has read it in another way.
    """
    parts, position = [], 0
    for phonemes in phonemes_in(text):
        span = _find(sentence, alone[stand_in(phonemes)], position)
        if span is None:
            return None
        parts += [sentence[position : span[0]], phonemes]
        position = span[1]
    return "".join((*parts, sentence[position:]))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yields the text between transcriptions and their phonemes, in order; True marks phonemes."""
    position = 0
    for match in MARKED.finditer(text):
        yield text[position : match.start()], False
        yield match[2].replace(SPACE, " "), True
        position = match.end()
    yield text[position:], False


def _find(sentence: str, word: str, start: int) -> tuple[int, int] | None:
    """Returns where the symbols of ``word`` stand in ``sentence`` from ``start`` on, regardless of stress."""
    symbols = [re.escape(symbol) for symbol in word if symbol not in STRESS]
    match = re.compile("[ˈˌ]?" + "[ˈˌ]?".join(symbols)).search(sentence, start) if symbols else None
    return None if match is None else match.span()
