"""The local engine's fallback: the same voices on onnxruntime instead of torch."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Container, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from server.engine.noise import NoiseKey
from server.errors import EngineFailed, VoiceError
from server.providers.health_check import check_speech
from server.providers.loaded_voice import LoadedVoice, Phrase, valid_audio
from server.providers.onnx_session import load_session
from server.providers.pace import estimate
from server.providers.piper_noise import UnknownNoise, noise_inputs, with_noise_inputs
from server.providers.provider import Load, Reports
from server.providers.sentencewise import SentencewiseSynthesizer
from server.text.nearest_phonemes import nearest
from server.text.phonemes import Phonemizer, join_marks
from server.text.sentences import bounded
from server.utterance import Ability, Chunk, Listener, Samples, Utterance, Voice
from server.voices.catalogue import InstalledVoice
from server.voices.piper import BEGIN, BLANK, END, PiperConfig


class PiperModel:
    """A Piper voice on onnxruntime; thread-safe."""

    def __init__(self, path: Path, config: PiperConfig) -> None:
        """Loads a model. Raises the exceptions of onnx and onnxruntime when ``path`` is not a model."""
        self._channels: int | None
        """The channels of its noise; None for a model that draws noise by itself."""
        try:
            model, self._channels = with_noise_inputs(path)
        except UnknownNoise:
            self._session, self._options = load_session(path)
            self._channels = None
        else:
            self._session, self._options = load_session(model)
        self._ids = {symbol: ids[0] for symbol, ids in config.phoneme_id_map.items()}
        self._inference = config.inference
        self.sample_rate = config.audio.sample_rate

    @property
    def repeatable(self) -> bool:
        """Whether the same seed makes the same audio."""
        return self._channels is not None

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """Returns the ids in the model's training format, and the number of known symbols; the nearest phonemes stand
        for unknown ones, and other symbols are dropped."""
        joined = nearest(join_marks(symbols, self._ids), self._ids)
        symbol_ids = [self._ids[symbol] for symbol in joined if symbol in self._ids]
        blank = self._ids[BLANK]
        ids = [self._ids[BEGIN], blank]
        for number in symbol_ids:
            ids += (number, blank)
        return [*ids, self._ids[END]], len(symbol_ids)

    def speak(self, ids: Sequence[int], speed: float, key: NoiseKey) -> Samples:
        """Returns the audio of a phrase, shape (samples,), with the noise that follows from the key."""
        voice = self._inference
        scale = voice.length_scale / speed
        inputs: dict[str, npt.NDArray[Any]] = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([voice.noise_scale, scale, voice.noise_w], dtype=np.float32),
        }
        if self._channels is not None:
            inputs |= noise_inputs(key, len(ids), self._channels, scale)
        return valid_audio(np.asarray(self._session.run(None, inputs, self._options)[0], dtype=np.float32).reshape(-1))


class OnnxProvider:
    """Speaks with the voices of a catalogue that have ONNX files; see server.providers.provider.Provider."""

    name = "onnx"

    def __init__(
        self, voices: Iterable[InstalledVoice], *, threads: int | None, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``threads`` is the number of cores to use, None for all; ``max_audio_seconds`` limits the audio of one
        utterance."""
        self._installed = tuple(installed for installed in voices if installed.onnx is not None)
        self._synthesizer = SentencewiseSynthesizer("onnx", threads, max_audio_seconds)
        self.abilities = frozenset({Ability.MARKUP, Ability.PHONEMES, Ability.LANGUAGES, Ability.SEED})
        self._log = log
        self._phonemizer = Phonemizer()

    def voices(self) -> tuple[Voice, ...]:
        """Returns the voices that have ONNX files; after ``start`` only those that were loaded."""
        return tuple(installed.voice for installed in self._installed)

    def phonemes(self, voice: Voice) -> Container[str] | None:
        return self._synthesizer.phonemes(voice)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._synthesizer.load

    async def start(self, reports: Reports) -> None:
        """Loads and warms up every voice. A voice that fails is logged by name and left out.

        Load times are not reported, since their gauge belongs to the local engine. Raises EngineFailed when there were
        voices and all failed.
        """
        candidates, voices = self._installed, {}
        for installed in candidates:
            name = installed.voice.name
            start = time.perf_counter()
            try:
                voices[name] = await self._synthesizer.run(partial(self._load, installed))
            except Exception:  # noqa: BLE001 - any error of one voice must not stop the others
                self._installed = tuple(other for other in self._installed if other is not installed)
                self._log.exception("the voice %s can't be loaded on onnxruntime and is left out", name)
            else:
                self._log.info("the voice %s is loaded on onnxruntime in %.1f s", name, time.perf_counter() - start)
        if voices:
            self._synthesizer.set_voices(voices, reports)
        elif candidates:
            raise EngineFailed("no voice could be loaded on onnxruntime")

    async def check(self) -> None:
        if not self._installed:
            raise EngineFailed("no voice has ONNX files: python -m server.voices install adds the default voice's")
        await check_speech(self, self._installed[0].voice)

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        return self._synthesizer.speak(utterance)

    async def close(self) -> None:
        """Waits for running phrases; unfinished requests fail with ShuttingDown."""
        await self._synthesizer.close()

    def _load(self, installed: InstalledVoice) -> LoadedVoice:
        """Loads a voice. Raises VoiceError."""
        path, config_path = installed.onnx, installed.onnx_config
        if path is None or config_path is None:
            raise VoiceError(installed.folder, "has no ONNX files")
        config = PiperConfig.read(config_path)
        if config.audio.sample_rate != installed.voice.sample_rate:
            raise VoiceError(config_path, f"has {config.audio.sample_rate} Hz, not {installed.voice.sample_rate} Hz")
        model = PiperModel(path, config)
        if not model.repeatable:
            self.abilities -= {Ability.SEED}
        phrases = partial(self._phrases, model, installed.phonemizer)
        voice = LoadedVoice.warmed_up(phrases, config.audio.sample_rate)
        return replace(voice, vocabulary=config.phoneme_id_map)

    def _phrases(self, model: PiperModel, phonemizer: str, text: str) -> list[Phrase]:
        """Returns the phrases of a sentence; ``phonemizer`` is an espeak-ng voice."""
        encoded = [model.encode(symbols) for symbols in bounded([self._phonemizer.sentence(text, phonemizer)])]
        return [Phrase(partial(model.speak, ids), symbols) for ids, symbols in encoded if symbols]
