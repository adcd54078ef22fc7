"""The arithmetic of the results: percentiles, medians of rounds, ratios, and the figures of a run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.load import LoadRun, Reply
from bench.clients.recording import read_wav

GFLOP_PER_AUDIO_SECOND = 5.75
"""The cost of the voice: multiplications and additions of a Piper voice of medium quality, counted in its graph."""


def percentile(values: Sequence[float], share: float) -> float:
    """Returns a percentile, interpolated linearly between its two neighbours; NaN without values."""
    if not values:
        return math.nan
    ascending = sorted(values)
    rank = share * (len(ascending) - 1)
    low, high = math.floor(rank), math.ceil(rank)
    return ascending[low] + (ascending[high] - ascending[low]) * (rank - low)


def median(values: Sequence[float]) -> float:
    """Returns the median; NaN without values."""
    return statistics.median(values) if values else math.nan


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Returns the median of the rounds' own ratios: a slow round slows both sides."""
    return median([a / b for a, b in zip(numerators, denominators, strict=True)])


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a run; latencies are those of answers with audio."""

    clients: int
    seconds: float
    latencies: tuple[float, ...]
    first_audio: tuple[float, ...]
    audio_seconds: float
    model_seconds: float
    """The audio from the model: without the silence that a server inserts between and after sentences."""
    failures: int

    @property
    def requests_per_second(self) -> float:
        """The rate of answers with audio."""
        return len(self.latencies) / self.seconds

    @property
    def audio_per_second(self) -> float:
        """The seconds of audio from the model in a second."""
        return self.model_seconds / self.seconds

    def share_of_peak(self, peak: float) -> float:
        """Returns the used share of the machine's matrix-multiply peak, which is in GFLOP/s."""
        return self.audio_per_second * GFLOP_PER_AUDIO_SECOND / peak


def figures(run: LoadRun) -> Figures:
    """Returns the figures of a run. Raises WavError when an answer with status 200 is not a WAV file."""
    answers = [reply for reply in run.replies if reply.status == 200]
    recordings = [read_wav(reply.body) for reply in answers]
    return Figures(
        run.clients,
        run.seconds,
        tuple(reply.seconds for reply in answers),
        tuple(first_audio(reply) for reply in answers),
        sum(recording.seconds for recording in recordings),
        sum(recording.sounding_seconds for recording in recordings),
        len(run.replies) - len(answers),
    )


def first_audio(reply: Reply) -> float:
    """Returns the time to first audio of an answer; without a sample it is the time to its end."""
    return reply.seconds if reply.first_audio is None else reply.first_audio
