"""hibari: a small English voice on onnxruntime, whole inside its package: a fallback that shares nothing but a core."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from server.errors import EngineFailed
from server.providers.loaded_voice import Piece, Speaker, sound
from server.providers.packaged import checksum, folder
from server.text.sentences import LIMIT, bounded, cut
from server.utterance import Samples, Voice

if TYPE_CHECKING:
    from hibari import Hibari  # type: ignore[import-untyped]

MODEL = "hibari.onnx"
"""Of its default voice, in the package; hibari would download the others, and this one too if it were not there."""
LANGUAGES = ("en", "en-us")
SAMPLE_RATE = 24_000
"""Hz."""
LONG_WORD = 20
"""Characters in a row without a space: hibari's reading takes time by their square, 4.7 s for 5,000 characters of
"1/2/1/2" when they are cut at 40; of one word it drops the end."""


class HibariVoice:
    """The voice ``hibari``; see server.providers.packaged.PackagedVoices."""

    name = "hibari"
    drawl = 1.0

    def __init__(self) -> None:
        self._assets = folder("hibari", "hibari-tts is not installed") / "assets"
        identity = checksum("hibari-tts", sorted(self._assets.iterdir()))
        self.voices: tuple[Voice, ...] = (Voice(self.name, LANGUAGES, SAMPLE_RATE, identity),)

    def load(self) -> dict[str, Speaker]:
        """Raises EngineFailed when the model is not in the package, and whatever hibari does."""
        path = self._assets / MODEL
        if not path.is_file():
            raise EngineFailed(
                "hibari's model is not in its package, and nothing is downloaded: install hibari-tts anew"
            )
        from hibari import Hibari

        model = Hibari(model=str(path), threads=1)
        return {self.name: Speaker.warmed_up(partial(_pieces, model), SAMPLE_RATE)}


def _pieces(model: Hibari, text: str) -> list[Piece]:
    text = re.sub(rf"\S{{{LONG_WORD}}}(?=\S)", r"\g<0> ", text)
    parts = ("".join(part) for part in cut(text, LIMIT))
    encoded = [model.ids(phonemes) for phonemes in bounded(model.g2p(part) for part in parts)]
    return [Piece(partial(_say, model, ids), len(ids)) for ids in encoded]


def _say(model: Hibari, ids: list[int], speed: float) -> Samples:
    """The audio of a piece, shape (samples,)."""
    return sound(np.asarray(model.from_ids(ids, speed), dtype=np.float32))
