"""The steps of speech synthesis, as the scheduler sees them, and the Protocol of the engine that runs them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.errors import ComponentError
from server.utterance import Samples


class EngineLost(ComponentError):
    """The engine's process has ended or can't recover, such as CUDA after a fault."""


@dataclass(frozen=True, slots=True)
class WordSpan:
    """A word of a sentence: its ids are those from ``start`` up to, not including, ``stop``."""

    written: str
    start: int
    stop: int
    lead: int = 0
    """How many of its first ids are not a sound of it, but the mouth getting ready, and perhaps the end of a pause."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The ids of one sentence, which a model reads in one voice and at one pace, and the silence around it."""

    voice: str
    ids: tuple[int, ...]
    speed: float = 1.0
    leading_silence: float = 0.0
    """Seconds of silence before it."""
    pause: float = 0.0
    """Seconds of silence after it."""
    words: tuple[WordSpan, ...] = ()
    """Its words, if word times are requested."""
    seed: int = 0
    """What its noise follows from, with its number."""
    number: int = 0
    """Its number in the text, from 0."""
    exact: bool = False
    """Whether its audio must have the same bits whatever runs beside it: an engine whose arithmetic depends on the
    batch runs its steps alone."""

    @property
    def silence(self) -> float:
        """The total seconds of silence before and after it."""
        return self.leading_silence + self.pause


class Latent(Protocol):
    """A sentence's latent frames on the engine's device. Only their number is visible here, not their content."""

    @property
    def frames(self) -> int: ...

    @property
    def frame_seconds(self) -> float:
        """Seconds of audio in one frame."""
        ...

    @property
    def context(self) -> int:
        """Frames on each side of a window that its decoding also reads."""
        ...

    @property
    def ends(self) -> Sequence[int]:
        """The frame at which each id ends; empty for a sentence without words."""
        ...


@dataclass(frozen=True, slots=True)
class Encode:
    """Turns ids into unrefined latent frames."""

    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Refine:
    """Passes frames ``start`` to ``stop`` of a latent through the flow. Blocks run in order and without gaps."""

    latent: Latent
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Decode:
    """Turns refined frames ``start`` to ``stop`` into a waveform."""

    latent: Latent
    start: int
    stop: int

    @property
    def seconds(self) -> float:
        """Seconds of audio that the step makes."""
        return (self.stop - self.start) * self.latent.frame_seconds


Step = Encode | Refine | Decode


StepResult = Latent | Samples | None
"""An encoded sentence's latent, a decoded window's samples (shape (frames * samples per frame,), within -1 to 1), or
None for a refined block."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The results of steps that ran together, and when they ran, in ns of ``time.perf_counter_ns``."""

    results: Sequence[StepResult]
    start: int
    end: int


class Engine(Protocol):
    """Runs batches of steps of one kind, on workers numbered from 0."""

    def bucket(self, step: Step) -> Hashable:
        """Returns a key: steps with equal keys may run in one batch."""
        ...

    def max_batch(self, step: Step) -> int:
        """Returns the largest batch of steps like this one."""
        ...

    def size(self, step: Step) -> int:
        """Returns the amount of work in a step, in the unit in which a batch is padded."""
        ...

    async def run(self, worker: int, steps: Sequence[Step], threads: int) -> BatchResult:
        """Returns a result for each step. A worker runs one batch at a time, on at most ``threads`` cores.

        When the call is cancelled, the batch still runs and its results are dropped. Raises EngineLost when the engine
        can't recover, or the error of this batch.
        """
        ...
