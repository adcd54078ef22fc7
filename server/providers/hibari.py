"""hibari: a small English voice on onnxruntime, whole inside its package: a fallback that shares nothing but a core."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from server.errors import EngineFailed
from server.providers.narrator import Line, Narrator, Samples, sound
from server.providers.pace import SECONDS_PER_CHARACTER, WARM_UP, Pace, estimate
from server.providers.provider import Load, Reports
from server.providers.word import say_a_word
from server.speech import Ability, Chunk, Listener, Utterance, Voice
from server.text.script import Script
from server.text.sentences import LIMIT, bounded, cut

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


class HibariProvider:
    """Speaks with the voice ``hibari``; see server.providers.provider.Provider. It needs no network."""

    name = "hibari"
    abilities = frozenset({Ability.MARKUP})

    def __init__(self, *, threads: int | None, max_audio_seconds: float, log: logging.Logger) -> None:
        """``threads`` are the cores to use, None for all; ``max_audio_seconds`` the longest audio that one utterance
        may become. Raises EngineFailed when the package is not installed."""
        self._assets = _assets()
        self._voice = Voice("hibari", LANGUAGES, SAMPLE_RATE, _checksum(self._assets))
        self._narrator = Narrator("hibari", threads or len(os.sched_getaffinity(0)), max_audio_seconds)
        self._log = log
        self._model: Hibari | None = None
        self._pace = Pace(SECONDS_PER_CHARACTER, 0.0)

    def voices(self) -> tuple[Voice, ...]:
        return (self._voice,)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._narrator.load

    async def start(self, reports: Reports) -> None:
        """Loads the model and speaks. Raises EngineFailed when that fails, or the model is not in the package."""
        begun = time.perf_counter()
        try:
            self._model, self._pace, rate = await self._narrator.do(self._prepare)
        except EngineFailed:
            raise
        except Exception as error:  # onnxruntime, or a package that is not what we know
            raise EngineFailed("the voice hibari can't be loaded") from error
        self._narrator.presume(rate)
        seconds = time.perf_counter() - begun
        reports.loaded(self._voice.name, seconds)
        self._log.info("the voice hibari is loaded in %.1f s", seconds)

    async def check(self) -> None:
        await say_a_word(self, self._voice)

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """A chunk for each sentence, with the silence after it.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        if self._model is None:
            raise EngineFailed("this voice is not loaded")
        read = partial(self._read, self._model)
        async with aclosing(self._narrator.speak(read, utterance, SAMPLE_RATE)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await self._narrator.close()

    def _read(self, model: Hibari, text: Script) -> list[Line]:
        return [
            Line(partial(_say, model, ids, cue.speed), self._pace.seconds(len(ids), cue.speed), pause)
            for cue in text.cues
            for ids, pause in cue.paused(_encode(model, cue.line.text))
        ]

    def _prepare(self) -> tuple[Hibari, Pace, float]:
        """The model, its pace, and how many seconds of audio a thread makes with it in a second."""
        path = self._assets / MODEL
        if not path.is_file():
            raise EngineFailed(
                "hibari's model is not in its package, and nothing is downloaded: install hibari-tts anew"
            )
        from hibari import Hibari

        model = Hibari(model=str(path), threads=1)
        timed = []
        for text in WARM_UP:
            encoded = _encode(model, text)
            begun = time.perf_counter()
            seconds = sum(len(_say(model, ids, 1.0)) for ids in encoded) / SAMPLE_RATE
            rate = seconds / (time.perf_counter() - begun)
            timed.append((sum(map(len, encoded)), seconds))
        return model, Pace.measured(*timed), rate


def _encode(model: Hibari, text: str) -> list[list[int]]:
    """The ids of a sentence, in several pieces if it is long."""
    text = re.sub(rf"\S{{{LONG_WORD}}}(?=\S)", r"\g<0> ", text)
    pieces = ("".join(piece) for piece in cut(text, LIMIT))
    return [model.ids(phonemes) for phonemes in bounded(model.g2p(piece) for piece in pieces)]


def _say(model: Hibari, ids: list[int], speed: float) -> Samples:
    """The audio of a sentence, shape (samples,)."""
    return sound(np.asarray(model.from_ids(ids, speed), dtype=np.float32))


def _assets() -> Path:
    """The folder of the package's model files, found without importing it."""
    spec = importlib.util.find_spec("hibari")
    if spec is None or spec.origin is None:
        raise EngineFailed("hibari-tts is not installed")
    return Path(spec.origin).parent / "assets"


def _checksum(folder: Path) -> str:
    """Over the model's files and the version of the package, whose code makes audio of what they give; 15 ms."""
    whole = hashlib.sha256(importlib.metadata.version("hibari-tts").encode())
    for path in sorted(folder.iterdir()):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
