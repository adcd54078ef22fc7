"""The measured times of the engine's steps, and the length of what it makes: what a simulated engine takes as true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np

from server.scheduling.engine import Decode, Encode, Step

FILE = Path(__file__).parent.parent / "results" / "step_times.json"
"""The measured step times of the default voice; ``python -m bench.simulation --measure`` writes them."""
Kind = Literal["encode", "refine", "decode"]


def kind_of(step: Step) -> Kind:
    """Returns the kind of a step."""
    return "encode" if isinstance(step, Encode) else "decode" if isinstance(step, Decode) else "refine"


@dataclass(frozen=True, slots=True)
class StepTime:
    """The mean time of a batch of steps of one kind and size."""

    kind: Kind
    size: float
    """Ids of an Encode, frames of the others; the longest step of the batch."""
    seconds: float
    batch: int = 1
    threads: int = 1
    """The cores that the batch used."""
    busy: int = 1
    """The workers that were busy meanwhile, this one included."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through measured points."""

    start: float
    slope: float

    def at(self, x: float) -> float:
        """Returns its value at ``x``."""
        return self.start + self.slope * x

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Self:
        """Returns the line of least squares through (x, y)."""
        slope, start = np.polyfit([x for x, _ in points], [y for _, y in points], 1)
        return cls(float(start), float(slope))


@dataclass(frozen=True, slots=True)
class Latency:
    """The time of a request in which nothing of the model works: router, network and processes that wake up. It is
    measured with one request at a time."""

    first_audio: float = 0.0
    """Seconds until the first audio."""
    end: float = 0.0
    """Further seconds until the end of the response."""


@dataclass(frozen=True, eq=False)
class StepTimes:
    """The measured engine; times are in seconds."""

    machine: str
    cores: int
    frame_seconds: float
    context: int
    ids: Line
    """The ids of a sentence, by its characters."""
    frames: Line
    """The frames of a sentence, by its ids."""
    frame_spread: tuple[float, ...]
    """Quantiles, at equal distances, of a sentence's frames as a multiple of what ``frames`` says."""
    spread: tuple[float, ...]
    """Quantiles of a step's time as a multiple of the mean of its kind and size."""
    turnaround: float
    """The time between the end of a step and the beginning of the next one, while both take turns."""
    preparation: Line
    """The time of reading a text, by its characters."""
    door: float
    """The time of the event loop for a request, without its audio."""
    door_audio: float
    """The time of the event loop for a second of its audio."""
    latency: Latency
    """What a request waits for besides."""
    steps: tuple[StepTime, ...]
    speed: float = 1.0
    """How much faster than measured each step is."""

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """Returns the figures of a file. Raises OSError, and msgspec.MsgspecError."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path = FILE) -> None:
        """Writes the figures to a file, one step to a line. Raises OSError."""
        content = asdict(self)
        steps = content.pop("steps")
        head = json.dumps(content, indent=1, default=list)
        rows = ",\n".join(f"  {json.dumps(row)}" for row in steps)
        path.write_text(f'{head[:-2]},\n "steps": [\n{rows}\n ]\n}}\n', encoding="utf-8")

    def faster(self, speed: float) -> Self:
        """Returns the figures of an engine that takes a step in ``1 / speed`` of the time."""
        return replace(self, speed=self.speed * speed)

    def seconds(self, kind: Kind, size: float, *, batch: int = 1, threads: int = 1, busy: int = 1) -> float:
        """Returns the mean time of a batch, interpolated between the measured sizes and batches.

        Raises KeyError for a kind that was never measured.
        """
        by_batch = self._curves[kind, *self._nearest(kind, threads, busy)]
        points = [(float(size_of_batch), curve(by_batch[size_of_batch], size)) for size_of_batch in sorted(by_batch)]
        return curve(points, batch) / self.speed

    def ids_of(self, characters: int) -> int:
        """Returns the ids of a sentence of so many characters."""
        return max(1, round(self.ids.at(characters)))

    def frames_of(self, ids: float, quantile: float = 0.5) -> int:
        """Returns the frames of a sentence of so many ids; ``quantile`` says how slowly it happens to be read."""
        return max(1, round(self.frames.at(ids) * at_quantile(self.frame_spread, quantile)))

    @property
    def max_batch(self) -> dict[Kind, int]:
        """The largest measured batch of each kind."""
        return {row.kind: max(other.batch for other in self.steps if other.kind == row.kind) for row in self.steps}

    @cached_property
    def _curves(self) -> dict[tuple[Kind, int, int], dict[int, list[tuple[float, float]]]]:
        """The points (size, seconds) of each batch, by kind, threads and busy workers."""
        curves: dict[tuple[Kind, int, int], dict[int, list[tuple[float, float]]]] = {}
        for row in sorted(self.steps, key=lambda row: row.size):
            of_batch = curves.setdefault((row.kind, row.threads, row.busy), {})
            of_batch.setdefault(row.batch, []).append((row.size, row.seconds))
        return curves

    def _nearest(self, kind: Kind, threads: int, busy: int) -> tuple[int, int]:
        """Returns the measured numbers of threads and busy workers nearest to these."""
        measured = {(row.threads, row.busy) for row in self.steps if row.kind == kind}
        if not measured:
            raise KeyError(kind)
        return min(measured, key=lambda each: (abs(each[0] - threads), abs(each[1] - busy), each))


def curve(points: Sequence[tuple[float, float]], x: float) -> float:
    """Returns the value at ``x`` of the line through ``points``, which ascend; beyond them its ends go on straight, but
    never below zero."""
    if len(points) == 1:
        return points[0][1]
    segments = list(pairwise(points))
    (left, low), (right, high) = next((each for each in segments if x <= each[1][0]), segments[-1])
    return max(0.0, low + (high - low) * (x - left) / (right - left))


def at_quantile(quantiles: Sequence[float], share: float) -> float:
    """Returns the value at a share of 0 to 1 between equally distant quantiles."""
    position = share * (len(quantiles) - 1)
    low = min(int(position), len(quantiles) - 2)
    return quantiles[low] + (quantiles[low + 1] - quantiles[low]) * (position - low)
