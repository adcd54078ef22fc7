"""The steps that make speech, as the schedule sees them, and the Protocol of the engine that takes them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class EngineLost(Exception):
    """The device is in a state from which this process can't recover, such as CUDA after a fault."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A word of a sentence: its ids are those from ``start`` up to, not including, ``stop``."""

    written: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a model reads, the ids of one sentence, in one voice, at one pace; and the silence around it."""

    voice: str
    ids: tuple[int, ...]
    speed: float = 1.0
    lead: float = 0.0
    """Seconds of silence before it."""
    pause: float = 0.0
    """Seconds of silence after it."""
    marks: tuple[Mark, ...] = ()
    """Its words, where somebody wants to know when each is said."""

    @property
    def silence(self) -> float:
        """Seconds, before and after it."""
        return self.lead + self.pause


class Latent(Protocol):
    """A sentence's latent frames, on the engine's device: its length is known, its content the engine's own."""

    @property
    def frames(self) -> int: ...

    @property
    def frame_seconds(self) -> float:
        """Seconds of audio of one frame."""
        ...

    @property
    def context(self) -> int:
        """Frames on each side of a window that its decoding reads too."""
        ...

    @property
    def ends(self) -> Sequence[int]:
        """For each id of a sentence with marks, the frame at which it ends; nothing of other sentences."""
        ...


@dataclass(frozen=True, slots=True)
class Encode:
    """Ids to latent frames, not yet refined."""

    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Refine:
    """Frames ``start`` to ``stop`` of a latent through the flow; blocks come in order and meet without a gap."""

    latent: Latent
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Decode:
    """Refined frames ``start`` to ``stop`` to a waveform."""

    latent: Latent
    start: int
    stop: int

    @property
    def seconds(self) -> float:
        """Of audio that it makes."""
        return (self.stop - self.start) * self.latent.frame_seconds


Step = Encode | Refine | Decode


Result = Latent | Samples | None
"""Of an encoded sentence, of a decoded window (shape (frames * samples per frame,), within -1 to 1), of a block."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of steps that were taken together, and when, in ns of time.perf_counter_ns."""

    results: Sequence[Result]
    begin: int
    end: int


class Engine(Protocol):
    """Takes steps, several of one kind at once, with workers that are numbered from 0."""

    def bucket(self, step: Step) -> Hashable:
        """Steps of equal buckets may be taken together."""
        ...

    def most(self, step: Step) -> int:
        """How many steps like this one may be taken together."""
        ...

    def size(self, step: Step) -> int:
        """How much there is to do, in the units that a batch is padded in."""
        ...

    async def take(self, worker: int, steps: Sequence[Step], threads: int) -> Taken:
        """A result for each step; a worker takes one batch after the other. ``threads`` is how many cores it may use.

        Cancelled, the step is taken all the same and its result dropped. Raises EngineLost when nothing more can be
        expected of the engine, or whatever went wrong with this batch.
        """
        ...
