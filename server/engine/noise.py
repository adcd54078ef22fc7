"""Noise that follows from a seed: the same for a sentence whatever is spoken beside it, on any device and in any batch.

A counter-based generator, Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011), is keyed
by the seed, the sentence and the stage; its counter is the position. numpy computes it on the CPU, for a GPU too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from server.utterance import Samples

STAGE_BITS = 8


class NoiseStage(IntEnum):
    """What the noise is for."""

    RHYTHM = 1
    """The durations of symbols."""
    SOUND = 2
    """The frames before the flow, or the waveform of models that make it of noise."""


@dataclass(frozen=True, slots=True)
class NoiseKey:
    """What all noise of a sentence follows from."""

    seed: int = 0
    """From 0 to 2**32 - 1."""
    sentence: int = 0
    """The number of the sentence in its text, from 0."""

    def generator(self, stage: NoiseStage) -> np.random.Generator:
        """Returns the generator of a stage's noise, at its first position."""
        key = np.array([self.seed, self.sentence << STAGE_BITS | stage], np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    def normal(self, stage: NoiseStage, shape: Sequence[int]) -> Samples:
        """Returns normally distributed noise of ``shape``, mean 0 and variance 1, in float32. A longer first axis adds
        positions and changes none."""
        return self.generator(stage).standard_normal(shape, np.float32)
