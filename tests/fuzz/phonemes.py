"""Texts to espeak-ng: read as a request's text is, and as they are. An input is a line with the voice, and the text."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from server.errors import NothingToSpeak
from server.text import phonemes
from server.text.normalize import check as check_text
from server.text.normalize import normalize
from server.text.phonemes import Phonemizer, pool
from server.text.reading import read_text
from tests.fuzz import texts
from tests.fuzz.endings import unended
from tests.fuzz.target import Target

WAIT_SECONDS = 120.0
LANGUAGES = {"en-us": "en", "pt-br": "pt", "cmn": "zh"}
"""Of the voices whose language has another name."""


def make(rng: random.Random) -> bytes:
    return f"{rng.choice(texts.VOICES)}\n{texts.text(rng)}".encode()


def check(data: bytes) -> None:
    """A text that has something to speak becomes phonemes; no process ends, and none refuses it."""
    voice, _, text = data.decode().partition("\n")
    check_text(text)
    phonemizer = Phonemizer()
    with unended(pool()):
        phonemizer.phonemize(text, voice)
        try:
            spoken = normalize(text)
        except NothingToSpeak:
            return
        phonemizer.each([line.text for line in read_text(spoken, LANGUAGES.get(voice, voice))], voice)


def known() -> Iterator[tuple[str, bytes]]:
    """The texts that ended the server once, by voice; and those that only wrote where they should not."""
    units = ("a.", "A.B.", "U.S.", "e.g.", "ж.", "र.", "𐌰.", "a、", "s'", "'s", "'s's", "’sness", "ness’s", "=", "1'")
    for unit in units:
        for voice in texts.VOICES:
            yield f"{voice} {unit}", f"{voice}\n{unit * 220}".encode()
    for voice in texts.VOICES:
        yield f"{voice} spaced", f"{voice}\n{'a.a.a.a.a.a. ' * 40}".encode()
        yield f"{voice} ruler", f"{voice}\n{'=' * 30}".encode()


def prepare() -> None:
    """How long espeak computes is limited as ever; how long a busy machine lets it wait is not what is tested."""
    phonemes.LIMITS = replace(phonemes.LIMITS, seconds=WAIT_SECONDS)


TARGET = Target("phonemes", make, check, share=0.5, known=known, prepare=prepare, seconds=2 * WAIT_SECONDS)
