"""Speaks a text phrase by phrase in its own threads, for providers whose models speak a phrase at a time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Container, Mapping
from functools import partial
from typing import TypeVar

import numpy as np

from otel.contract.values import Device, Stage
from server.errors import EngineFailed
from server.providers.load_tracker import LoadTracker
from server.providers.loaded_voice import LoadedVoice
from server.providers.pace import expect
from server.providers.provider import Load, Reports
from server.providers.threads import ThreadPool, WorkerThread, map_errors
from server.text.phonemes import require_symbols
from server.text.reading import read_utterance
from server.utterance import Chunk, Interval, Samples, Utterance, Voice

T = TypeVar("T")


class SentencewiseSynthesizer:
    """A provider's voices and its threads: one that prepares texts, and several that speak."""

    def __init__(self, name: str, threads: int | None, max_audio_seconds: float) -> None:
        """``threads`` is the number of speech threads, None for one per core; ``max_audio_seconds`` limits the audio of
        one text."""
        threads = threads or len(os.sched_getaffinity(0))
        self._max_audio_seconds = max_audio_seconds
        self._tracker = LoadTracker(parallel=threads)
        # Texts are prepared in their own thread: in a speech thread, a request would wait for the audio of others
        # before it could be refused.
        self._text_thread = WorkerThread(f"{name}-text")
        self._speech_threads = ThreadPool(name, threads)
        self._voices: Mapping[str, LoadedVoice] = {}

    @property
    def load(self) -> Load:
        return self._tracker.load

    async def run(self, function: Callable[[], T]) -> T:
        """Runs ``function``, such as loading a model, in a speech thread, and returns its result."""
        return (await self._speech_threads.run(function)).result

    def set_voices(self, voices: Mapping[str, LoadedVoice], reports: Reports) -> None:
        """Sets the voices by name. The initial throughput is that of the slowest voice, until more is measured.

        From now on ``reports`` get the time of each phrase, which takes one core.
        """
        self._voices = voices
        self._speech_threads.on_end = partial(reports.thread_worked, Device.CPU)
        self._tracker.reset_rate(min(voice.rate for voice in voices.values()) * self._speech_threads.size)

    def phonemes(self, voice: Voice) -> Container[str] | None:
        """Returns the phonemes that a voice can make; None for one that takes none, nothing before it is loaded."""
        loaded = self._voices.get(voice.name)
        return (loaded.vocabulary or None) if loaded is not None else ()

    async def speak(self, utterance: Utterance) -> AsyncGenerator[Chunk, None]:
        """Yields a chunk for each phrase of the utterance, in order, with the silence after it.

        After closing the generator no further phrase is spoken; the running one ends and is dropped. Raises
        NothingToSpeak and TextTooLong before any chunk, ShuttingDown after ``close``, and EngineFailed for a voice that
        is not loaded and for any other failure.
        """
        voice = self._voices.get(utterance.voice.name)
        if voice is None:
            raise EngineFailed("this voice is not loaded")
        sample_rate = utterance.voice.sample_rate
        require_symbols(utterance.verbalizations, voice.vocabulary)
        with map_errors():
            submitted = time.perf_counter_ns()
            text = await self._text_thread.run(read_utterance, utterance)
            phrases = await self._text_thread.run(voice.plan, text, utterance.seed or 0)
            reading_interval = Interval(Stage.PHONEMIZE, submitted, time.perf_counter_ns())
            silence = text.leading_silence + sum(phrase.pause for phrase in phrases)
            expected = expect([phrase.seconds for phrase in phrases], silence, self._max_audio_seconds)
            with self._tracker.request(expected) as request:
                for number, phrase in enumerate(phrases):
                    request.wait()
                    speech = await self._speech_threads.run(phrase.speak, request.begin)
                    silence_before = 0.0 if number else text.leading_silence
                    samples = padded(speech.result, silence_before, phrase.pause, sample_rate)
                    intervals = (
                        Interval(Stage.QUEUE, speech.submitted, speech.start),
                        Interval(Stage.INFER, speech.start, speech.end),
                    )
                    if number:
                        chunk = Chunk(samples, sample_rate, intervals)
                    else:
                        chunk = Chunk(samples, sample_rate, (reading_interval, *intervals), expected, text.text)
                    request.add(chunk.seconds, speech.seconds)
                    yield chunk

    async def close(self) -> None:
        """Waits for running phrases; unfinished requests fail with ShuttingDown."""
        await asyncio.gather(self._text_thread.close(), self._speech_threads.close())


def padded(samples: Samples, before: float, after: float, sample_rate: int) -> Samples:
    """Returns ``samples`` with ``before`` and ``after`` seconds of silence around them."""
    if not before and not after:
        return samples
    return np.pad(samples, (round(before * sample_rate), round(after * sample_rate)))
