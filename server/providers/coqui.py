"""The local engine: Coqui VITS models on torch, owned by one thread, fed sentence by sentence."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from server.engine.vits import VitsModel
from server.engine.worker import Worker, WorkerClosed
from server.errors import EngineFailed, NothingToSpeak, ShuttingDown, SpeechError, TextTooLong
from server.speech import Chunk, Interval, Stage, Utterance, Voice
from server.text.phonemes import Phonemizer
from server.text.sentences import bounded, is_speakable, split_text
from server.voices.catalogue import InstalledVoice
from server.voices.checkpoint import before_import
from server.voices.errors import VoiceError
from server.voices.manifest import CHARACTERS

if TYPE_CHECKING:
    import torch

PAUSE = 0.2
"""Seconds of silence between sentences at speed 1. The default voice itself ends a sentence with 110 to 250 ms of
silence and begins one with 60: together nearly half a second, as a reader pauses."""

WARM_UP = ("1", "1234567 1234567")
"""A short and a long text that every espeak voice can read."""

Ids = list[int]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a voice takes to say something, from two sentences that were timed."""

    per_symbol: float
    """Seconds of audio per phoneme or character."""
    per_sentence: float
    """Seconds of audio that every sentence takes besides."""

    @classmethod
    def measured(cls, short: tuple[int, float], long: tuple[int, float]) -> Pace:
        """From (symbols, seconds) of two sentences."""
        per_symbol = max(0.0, (long[1] - short[1]) / max(1, long[0] - short[0])) or long[1] / max(1, long[0])
        return cls(per_symbol, max(0.0, short[1] - short[0] * per_symbol))

    def seconds(self, sentences: int, symbols: int) -> float:
        return sentences * (self.per_sentence + PAUSE) + symbols * self.per_symbol


@dataclass(frozen=True, slots=True)
class Speaker:
    """A loaded voice."""

    installed: InstalledVoice
    model: VitsModel
    pace: Pace


class CoquiProvider:
    """Speaks with the voices of a catalogue; see server.providers.provider.Provider."""

    name = "coqui"

    def __init__(
        self,
        voices: Iterable[InstalledVoice],
        *,
        device: str,
        threads: int | None,
        max_audio_seconds: float,
        log: logging.Logger,
    ) -> None:
        """``device`` is auto (CUDA where there is one), cpu, cuda or cuda:N; ``threads`` those of torch on the CPU,
        None for torch's own choice; ``max_audio_seconds`` the longest audio that one utterance may become."""
        self._installed = tuple(voices)
        self._device = device
        self._threads = threads
        self._max_audio_seconds = max_audio_seconds
        self._log = log
        self._phonemizer = Phonemizer()
        self._speakers: dict[str, Speaker] = {}
        self._load_seconds: dict[str, float] = {}
        self._model_thread = Worker("model")
        # A thread of its own: behind the models', a request would wait for others' audio before it can be refused.
        self._text_thread = Worker("phonemes")

    def voices(self) -> tuple[Voice, ...]:
        """The voices at hand: those installed, and after ``start`` those of them that could be loaded."""
        return tuple(installed.voice for installed in self._installed)

    def load_seconds(self) -> dict[str, float]:
        return dict(self._load_seconds)

    async def start(self) -> None:
        """Loads every voice and speaks with it; one that fails is logged by name and left out.

        Raises EngineFailed when none is left, or the device does not exist.
        """
        device = await self._model_thread.run(self._prepare)
        for installed in self._installed:
            name = installed.voice.name
            try:
                begun = time.perf_counter()
                self._speakers[name] = await self._model_thread.run(self._load, installed, device)
                self._load_seconds[name] = time.perf_counter() - begun
            except Exception:  # noqa: BLE001 - whatever is wrong with one voice, the others can still speak
                self._installed = tuple(other for other in self._installed if other is not installed)
                self._log.exception("the voice %s can't be loaded and is left out", name)
            else:
                self._log.info("the voice %s is loaded on %s in %.1f s", name, device, self._load_seconds[name])
        if not self._speakers:
            raise EngineFailed("no voice could be loaded")

    async def speak(self, utterance: Utterance) -> AsyncGenerator[Chunk, None]:
        """One chunk for each sentence, with a pause at its end unless it is the last.

        Sentences are submitted one at a time, as the chunks are pulled: requests take turns, and a slow reader keeps
        nobody waiting. Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        speaker = self._speakers.get(utterance.voice.name)
        if speaker is None:
            raise EngineFailed("this voice is not loaded")
        try:
            sentences, phonemizing = await self._encode(speaker, utterance)
            for number, ids in enumerate(sentences, 1):
                now = time.perf_counter_ns()
                chunk = await self._model_thread.run(_speak, speaker.model, ids, utterance.speed, now)
                if number < len(sentences):
                    chunk = _with_pause(chunk, PAUSE / utterance.speed)
                if number == 1:
                    chunk = replace(chunk, intervals=(phonemizing, *chunk.intervals))
                yield chunk
        except SpeechError:
            raise
        except WorkerClosed:
            raise ShuttingDown("the server is shutting down") from None
        except Exception as error:  # torch, espeak: whatever it is, the client learns that the engine failed, no more
            raise EngineFailed("the speech engine failed") from error

    async def close(self) -> None:
        """Waits for the sentence that is being spoken; those that wait for their turn fail with ShuttingDown."""
        await self._text_thread.close()
        await self._model_thread.close()

    async def _encode(self, speaker: Speaker, utterance: Utterance) -> tuple[list[Ids], Interval]:
        submitted = time.perf_counter_ns()
        sentences, symbols, ended = await self._text_thread.run(self._read, speaker, utterance)
        if not sentences:
            raise NothingToSpeak("the text has nothing that can be spoken", param="text")
        expected = speaker.pace.seconds(len(sentences), symbols) / utterance.speed
        if expected > self._max_audio_seconds:
            raise TextTooLong(
                f"the text would take about {expected:.0f} s to speak, the limit is {self._max_audio_seconds:.0f} s",
                param="text",
            )
        return sentences, Interval(Stage.PHONEMIZE, submitted, ended)

    def _read(self, speaker: Speaker, utterance: Utterance) -> tuple[list[Ids], int, int]:
        """The model's ids for each sentence, how many symbols they stand for, and when that was known, in ns."""
        if not is_speakable(utterance.text):
            return [], 0, time.perf_counter_ns()
        sentences, symbols = _ids(self._phonemizer, speaker.installed, speaker.model, utterance.text)
        return sentences, symbols, time.perf_counter_ns()

    def _prepare(self) -> torch.device:
        """Imports torch and Coqui, 6 s, and chooses the device; runs in the models' thread, which torch's settings
        are about."""
        before_import()
        import librosa.filters  # noqa: F401 - Coqui's constructor imports it: here it does not count as a voice's time
        import torch
        import TTS.tts.models.vits  # noqa: F401

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        name = self._device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
            raise EngineFailed(f"there is no device {name!r}: it must be auto, cpu, cuda or cuda:N")
        device = torch.device(name)
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise EngineFailed(f"the device {name} was asked for, but torch sees {torch.cuda.device_count()} GPUs")
        return device

    def _load(self, installed: InstalledVoice, device: torch.device) -> Speaker:
        """Raises VoiceError or EngineFailed."""
        model = VitsModel.load(installed, device)
        if model.sample_rate != installed.voice.sample_rate:
            raise VoiceError(installed.config, f"has {model.sample_rate} Hz, not {installed.voice.sample_rate} Hz")
        timed = []
        for text in WARM_UP:
            sentences, symbols = _ids(self._phonemizer, installed, model, text)
            timed.append((symbols, sum(model.synthesize(ids).seconds for ids in sentences)))
        return Speaker(installed, model, Pace.measured(*timed))


def _ids(phonemizer: Phonemizer, installed: InstalledVoice, model: VitsModel, text: str) -> tuple[list[Ids], int]:
    """The ids of each sentence that has something to say, and how many symbols they stand for."""
    vocabulary = model.vocabulary
    if installed.phonemizer == CHARACTERS:
        sentences = split_text(vocabulary.clean(text, installed.voice.languages[0]))
    else:
        sentences = phonemizer.phonemize(text, installed.phonemizer)
    encoded = [vocabulary.encode(sentence) for sentence in bounded(sentences)]
    return [ids for ids, known in encoded if known], sum(known for _, known in encoded)


def _speak(model: VitsModel, ids: Ids, speed: float, submitted: int) -> Chunk:
    """Runs in the models' thread; ``submitted`` is when the sentence began to wait for it, in ns."""
    started = time.perf_counter_ns()
    chunk = model.synthesize(ids, speed)
    return replace(chunk, intervals=(Interval(Stage.QUEUE, submitted, started), *chunk.intervals))


def _with_pause(chunk: Chunk, seconds: float) -> Chunk:
    silence = np.zeros(round(seconds * chunk.sample_rate), dtype=np.float32)
    return replace(chunk, samples=np.concatenate((chunk.samples, silence)))
