"""The local engine's natural fallback: the same voices, on onnxruntime instead of torch."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from server.errors import EngineFailed
from server.providers.health_check import say_a_word
from server.providers.loaded_voice import Piece, Speaker, sound
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.providers.sentencewise import Narrator
from server.text.phonemes import Phonemizer
from server.text.sentences import bounded
from server.text.symbols import compose
from server.utterance import Ability, Chunk, Listener, Samples, Utterance, Voice
from server.voices.catalogue import InstalledVoice
from server.voices.errors import VoiceError
from server.voices.piper import BEGIN, BLANK, END, PiperConfig

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions  # type: ignore[import-untyped]

SILENT = 4
"""onnxruntime's level of logging at which nothing but what ends the process is written to standard error."""


class PiperModel:
    """A Piper voice on onnxruntime; any number of threads may use it at once."""

    def __init__(self, path: Path, config: PiperConfig) -> None:
        """Raises whatever onnxruntime does when ``path`` is not a model."""
        self._session, self._options = session(path)
        self._ids = {symbol: ids[0] for symbol, ids in config.phoneme_id_map.items()}
        self._inference = config.inference
        self.sample_rate = config.audio.sample_rate

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """The ids as the model was trained on them, and how many symbols it knows of these; others are dropped."""
        known = [self._ids[symbol] for symbol in compose(symbols, self._ids) if symbol in self._ids]
        blank = self._ids[BLANK]
        ids = [self._ids[BEGIN], blank]
        for number in known:
            ids += (number, blank)
        return [*ids, self._ids[END]], len(known)

    def say(self, ids: Sequence[int], speed: float) -> Samples:
        """The audio of a sentence."""
        voice = self._inference
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([voice.noise_scale, voice.length_scale / speed, voice.noise_w], dtype=np.float32),
        }
        return sound(np.asarray(self._session.run(None, inputs, self._options)[0], dtype=np.float32).reshape(-1))


class OnnxProvider:
    """Speaks with those voices of a catalogue that have ONNX files; see server.providers.provider.Provider."""

    name = "onnx"
    abilities = frozenset({Ability.MARKUP})

    def __init__(
        self, voices: Iterable[InstalledVoice], *, threads: int | None, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``threads`` are the cores to use, None for all; ``max_audio_seconds`` the longest audio that one utterance
        may become."""
        self._installed = tuple(installed for installed in voices if installed.onnx is not None)
        self._narrator = Narrator("onnx", threads, max_audio_seconds)
        self._log = log
        self._phonemizer = Phonemizer()

    def voices(self) -> tuple[Voice, ...]:
        """The voices at hand: those with ONNX files, and after ``start`` those of them that could be loaded."""
        return tuple(installed.voice for installed in self._installed)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._narrator.load

    async def start(self, reports: Reports) -> None:
        """Loads every voice and speaks with it; one that fails is logged by name and left out.

        Nothing is told of load times: their gauge is the local engine's. Raises EngineFailed when there were voices and
        none is left.
        """
        at_hand, speakers = self._installed, {}
        for installed in at_hand:
            name = installed.voice.name
            begun = time.perf_counter()
            try:
                speakers[name] = await self._narrator.do(partial(self._load, installed))
            except Exception:  # noqa: BLE001 - whatever is wrong with one voice, the others can still speak
                self._installed = tuple(other for other in self._installed if other is not installed)
                self._log.exception("the voice %s can't be loaded on onnxruntime and is left out", name)
            else:
                self._log.info("the voice %s is loaded on onnxruntime in %.1f s", name, time.perf_counter() - begun)
        if speakers:
            self._narrator.engage(speakers)
        elif at_hand:
            raise EngineFailed("no voice could be loaded on onnxruntime")

    async def check(self) -> None:
        if not self._installed:
            raise EngineFailed("no voice has ONNX files: python -m server.voices install adds the default voice's")
        await say_a_word(self, self._installed[0].voice)

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        return self._narrator.speak(utterance)

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await self._narrator.close()

    def _load(self, installed: InstalledVoice) -> Speaker:
        """Raises VoiceError."""
        path, config_path = installed.onnx, installed.onnx_config
        if path is None or config_path is None:
            raise VoiceError(installed.folder, "has no ONNX files")
        config = PiperConfig.read(config_path)
        if config.audio.sample_rate != installed.voice.sample_rate:
            raise VoiceError(config_path, f"has {config.audio.sample_rate} Hz, not {installed.voice.sample_rate} Hz")
        pieces = partial(self._pieces, PiperModel(path, config), installed.phonemizer)
        return Speaker.warmed_up(pieces, config.audio.sample_rate)

    def _pieces(self, model: PiperModel, phonemizer: str, text: str) -> list[Piece]:
        """Of a sentence; ``phonemizer`` is an espeak-ng voice."""
        encoded = [model.encode(piece) for piece in bounded([self._phonemizer.sentence(text, phonemizer)])]
        return [Piece(partial(model.say, ids), known) for ids, known in encoded if known]


def session(path: Path) -> tuple[InferenceSession, RunOptions]:
    """Imports onnxruntime, 0.5 s, and loads a model; each of its runs must be given the options.

    A run takes one core, so that as many sentences as there are cores are spoken at once: with all of them on every
    sentence two cores make 16.8 seconds of audio in a second instead of 19.2. What a run needed of memory it gives
    back: after sentences of 400 phonemes on two threads the process has grown by 100 MB (without this by 710, without
    onnxruntime's own arena by 780 and at two thirds of the speed).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan of memory for every length of sentence
    options.log_severity_level = SILENT
    shrinking = onnxruntime.RunOptions()
    shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]), shrinking
