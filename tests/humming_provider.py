"""A provider that hums instead of speaking: five lines of audio where a test needs no voice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import numpy as np
import numpy.typing as npt

from otel.contract.values import Device, Stage
from server.errors import SpeechError
from server.providers.provider import Load, Reports
from server.utterance import Ability, Chunk, Interval, Listener, Utterance, Voice

JOE = Voice("joe", ("en", "en-us"), 22050, "c0ffee")
KAN = Voice("kan", ("ja",), 24000, "facade")


class Told:
    """What a provider told of itself; nobody looks at its batches, and none is ever lost."""

    def __init__(self) -> None:
        self.load_seconds: dict[str, float] = {}
        self.thread_seconds: list[tuple[Device, float]] = []

    def loaded(self, voice: str, seconds: float) -> None:
        self.load_seconds[voice] = seconds

    def batch(self, size: int, padding: float) -> None: ...

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None: ...

    def thread_worked(self, device: Device, seconds: float) -> None:
        self.thread_seconds.append((device, seconds))

    def worker_restarted(self, worker: str) -> None:
        raise AssertionError(worker)

    def stopped(self) -> None:
        raise AssertionError("stopped")

    def resumed(self) -> None:
        raise AssertionError("resumed")

    def lost(self, error: Exception) -> None:
        raise AssertionError(error)


PACE = {"joe": 0.065, "kan": 0.2}
"""Seconds of a character: as long as speech takes, since the server judges every clip by that."""


class HummingProvider:
    """Hums as long as somebody would speak, one chunk a sentence; ``gate`` holds it, ``failure`` breaks it."""

    abilities: frozenset[Ability] = frozenset()

    def __init__(self, *, name: str = "humming", ready: bool = True, pitch: float = 220.0) -> None:
        self.name = name
        self.pitch = pitch
        self.rate = 1000.0
        self.checks = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.fail_after = 0
        self.may_start = asyncio.Event()
        if ready:
            self.may_start.set()
        self.closed_generators = 0
        self.listeners: list[Listener] = []
        self.reports: Reports | None = None
        self.sound = 1.0
        """What the hum is multiplied by: at 0 it is silent."""
        self.share = 1.0
        """Of each chunk that is given."""
        self.lead: tuple[float, ...] = ()
        """Seconds of each silent chunk that it begins with."""

    def voices(self) -> tuple[Voice, ...]:
        return (JOE, KAN)

    def estimate(self, utterance: Utterance) -> float:
        return pace(utterance.voice) * utterance.characters / utterance.speed

    def pitch_of(self, voice: Voice) -> float:
        """The pitch in Hz of what a voice hums."""
        return self.pitch

    def load(self) -> Load:
        return Load(self.rate)

    async def start(self, reports: Reports) -> None:
        await self.may_start.wait()
        self.reports = reports
        for name, seconds in (("joe", 0.25), ("kan", 0.5)):
            reports.loaded(name, seconds)

    async def check(self) -> None:
        self.checks += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.listeners.append(listener)
        rate, pitch = utterance.voice.sample_rate, self.pitch_of(utterance.voice)
        try:
            for seconds in self.lead:
                yield Chunk(np.zeros(round(seconds * rate), np.float32), rate)
            for number, sentence in enumerate(filter(str.strip, utterance.text.split("."))):
                await self.gate.wait()
                if self.failure is not None and number >= self.fail_after:
                    raise self.failure
                start = time.perf_counter_ns()
                samples = self.sound * hum(pitch, hummed_seconds(sentence, utterance), rate)
                samples = samples[: round(self.share * len(samples))]
                await asyncio.sleep(0.001)
                middle = time.perf_counter_ns()
                intervals = (Interval(Stage.INFER, start, middle), Interval(Stage.DECODE, middle, middle + 1000))
                yield Chunk(samples, rate, intervals)
        finally:
            self.closed_generators += 1

    async def close(self) -> None:
        self.gate.set()


def hummed_seconds(sentence: str, utterance: Utterance) -> float:
    """How long a sentence is hummed."""
    return pace(utterance.voice) * len(sentence) / utterance.speed


def pace(voice: Voice) -> float:
    """The seconds of a character; joe's for voices that are not of this file."""
    return PACE.get(voice.name, PACE["joe"])


def hum(pitch: float, seconds: float, rate: int) -> npt.NDArray[np.float32]:
    """Shape (samples,); it fades away in its last third, as speech does, and ends with silence."""
    time_ = np.arange(round(seconds * rate)) / rate
    fade = np.clip(4 * (0.9 - time_ / seconds), 0.0, 1.0)
    return (0.5 * fade * np.sin(2 * np.pi * pitch * time_)).astype(np.float32)


def failing(error: SpeechError | Exception, after: int = 0) -> HummingProvider:
    """A provider that fails with ``error`` at chunk ``after``."""
    provider = HummingProvider()
    provider.failure, provider.fail_after = error, after
    return provider
