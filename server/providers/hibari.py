"""hibari: a small English voice on onnxruntime, complete in its package: an independent fallback."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from server.engine.noise import NoiseKey, NoiseStage
from server.errors import EngineFailed
from server.providers.loaded_voice import LoadedVoice, Phrase, valid_audio
from server.providers.packaged import checksum, folder
from server.text.sentences import LIMIT, bounded, cut
from server.utterance import Samples, Voice

if TYPE_CHECKING:
    from hibari import Hibari  # type: ignore[import-untyped]

MODEL = "hibari.onnx"
"""The package's file of the default voice. hibari would download other voices, and this one if it were missing."""
LANGUAGES = ("en", "en-us")
SAMPLE_RATE = 24_000
"""Hz."""
LONG_WORD = 20
"""The most characters without a space. hibari's text frontend takes quadratic time in them (4.7 s for 5,000 characters
of "1/2/1/2" when cut at 40), and it drops the end of a long word."""


class HibariVoice:
    """The voice ``hibari``; see server.providers.packaged.PackagedVoices."""

    name = "hibari"
    length_factor = 1.0
    repeatable = True

    def __init__(self) -> None:
        self._assets = folder("hibari", "hibari-tts is not installed") / "assets"
        identity = checksum("hibari-tts", sorted(self._assets.iterdir()))
        self.voices: tuple[Voice, ...] = (Voice(self.name, LANGUAGES, SAMPLE_RATE, identity),)

    def load(self) -> dict[str, LoadedVoice]:
        """Loads the voice. Raises EngineFailed when the model is not in the package, and the exceptions of hibari."""
        path = self._assets / MODEL
        if not path.is_file():
            raise EngineFailed(
                "hibari's model is not in its package, and nothing is downloaded: install hibari-tts anew"
            )
        from hibari import Hibari

        model = Hibari(model=str(path), threads=1)
        return {self.name: LoadedVoice.warmed_up(partial(_phrases, model), SAMPLE_RATE)}


def _phrases(model: Hibari, text: str) -> list[Phrase]:
    text = re.sub(rf"\S{{{LONG_WORD}}}(?=\S)", r"\g<0> ", text)
    stretches = ("".join(characters) for characters in cut(text, LIMIT))
    encoded = [model.ids(phonemes) for phonemes in bounded(model.g2p(stretch) for stretch in stretches)]
    return [Phrase(partial(_speak, model, ids), len(ids)) for ids in encoded]


def _speak(model: Hibari, ids: list[int], speed: float, key: NoiseKey) -> Samples:
    """Returns the audio of a phrase, shape (samples,). Breath and hiss are made of noise."""
    return valid_audio(np.asarray(model.from_ids(ids, speed, key.generator(NoiseStage.SOUND)), dtype=np.float32))
