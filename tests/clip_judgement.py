"""The audio that the real voices make of texts, ways to spoil it, and how often the judgement of it is right."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from otel.contract.values import Fault
from server.audio.quality import FRAME_SECONDS, Inspector, Quality
from server.errors import NothingToSpeak
from server.providers.coqui import CoquiProvider
from server.providers.hibari import HibariVoice
from server.providers.packaged import PackagedProvider
from server.providers.provider import Provider
from server.utterance import Listener, Samples, Utterance
from server.voices.catalogue import Catalogue
from tests.humming_provider import Told
from tests.text_kinds import Wish


@dataclass(frozen=True, slots=True)
class Clip:
    """What a voice made of it."""

    wish: Wish
    utterance: Utterance
    samples: Samples
    expected: float | None
    """Seconds of audio that the provider reckoned with."""

    @property
    def rate(self) -> int:
        return self.utterance.voice.sample_rate


def joe(voices_folder: Path) -> CoquiProvider:
    """The default voice, in this process."""
    voices = Catalogue.scan(voices_folder).voices.values()
    return CoquiProvider(voices, device="cpu", threads=2, max_audio_seconds=3000, log=logging.getLogger("test"))


def hibari() -> PackagedProvider:
    """Another model, with phonemes of its own."""
    return PackagedProvider(HibariVoice(), threads=2, max_audio_seconds=3000, log=logging.getLogger("test"))


async def spoken(provider: Provider, wishes: Iterable[Wish]) -> list[Clip]:
    """By the real voice; what it has nothing to say to is left out."""
    await provider.start(Told())
    clips = []
    try:
        for wish in wishes:
            utterance = wish.utterance(provider.voices()[0])
            with suppress(NothingToSpeak):
                chunks = [chunk async for chunk in provider.speak(utterance, Listener())]
                samples = np.concatenate([chunk.samples for chunk in chunks])
                clips.append(Clip(wish, utterance, samples, chunks[0].expected))
    finally:
        await provider.close()
    return clips


def judge(clip: Clip, samples: Samples | None = None, chunk: float = 0.4) -> Quality:
    """Of the clip, or of ``samples`` in its place, in chunks of so many seconds."""
    heard, size = clip.samples if samples is None else samples, round(chunk * clip.rate)
    inspector = Inspector(clip.utterance)
    if clip.expected is not None:
        inspector.expect(clip.expected)
    for start in range(0, len(heard), size):
        inspector.add(heard[start : start + size], clip.rate)
    return inspector.verdict()


LONG = 40
"""Characters from which on it must be noticed that half of the audio is missing, or twice there."""


def spoiled(clip: Clip, rng: random.Random) -> dict[str, Samples]:
    """The clip as broken providers would give it."""
    samples = clip.samples
    broken = {
        "silence": np.zeros_like(samples),
        "four times too loud": np.clip(samples * 4 / np.abs(samples).max(), -1, 1),
    }
    if len(clip.wish.text) > LONG:
        broken |= {
            "half": samples[: len(samples) // 2],
            "twice": np.tile(samples, 2),
            "three times": np.tile(samples, 3),
        }
    frame = round(FRAME_SECONDS * clip.rate)
    powers = samples[: len(samples) // frame * frame].reshape(-1, frame).var(axis=1)
    loud = np.flatnonzero(powers[3:] > np.mean(powers) / 10) + 4
    if len(loud):
        broken["cut at a loud point"] = samples[: rng.choice(loud.tolist()) * frame]
    return broken


EXPECTED = {
    "silence": Fault.SILENT,
    "four times too loud": Fault.CLIPPED,
    "half": Fault.TRUNCATED,
    "twice": Fault.TOO_LONG,
    "three times": Fault.TOO_LONG,
    "cut at a loud point": Fault.TRUNCATED,
}
"""The fault of each way of being spoiled."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often the judgement was right."""

    clips: int
    unusable: list[Wish]
    """Whose sound audio was refused."""
    false: list[tuple[Wish, tuple[Fault, ...]]]
    """In whose sound audio a fault was found."""
    found: Counter[str]
    refused: Counter[str]
    total: Counter[str]

    def power(self, spoil: str) -> float:
        return self.found[spoil] / self.total[spoil]

    def __str__(self) -> str:
        lines = [f"{self.clips} sound clips: {len(self.unusable)} refused, {len(self.false)} with a false fault"]
        lines += [
            f"{spoil:20} {self.total[spoil]:4} clips, found {self.power(spoil):6.1%}, "
            f"refused {self.refused[spoil] / self.total[spoil]:6.1%}"
            for spoil in self.total
        ]
        return "\n".join(lines)


def calibrate(clips: Iterable[Clip], seed: int = 6) -> Calibration:
    """Judges each clip as it is, and as it is when spoiled."""
    rng = random.Random(seed)
    result = Calibration(len(clips := list(clips)), [], [], Counter(), Counter(), Counter())
    for clip in clips:
        quality = judge(clip)
        if quality.faults:
            result.false.append((clip.wish, quality.faults))
        if not quality.usable:
            result.unusable.append(clip.wish)
        for spoil, samples in spoiled(clip, rng).items():
            quality = judge(clip, samples)
            result.total[spoil] += 1
            result.found[spoil] += EXPECTED[spoil] in quality.faults
            result.refused[spoil] += not quality.usable
    return result
