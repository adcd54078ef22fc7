"""The arithmetic of the results: percentiles, medians of rounds, ratios, and what a turn of requests amounts to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.load import Reply, Turn
from bench.clients.recording import read_wav

GFLOP_PER_AUDIO_SECOND = 5.75
"""What the voice costs: multiplications and additions of a Piper voice of medium quality, counted in its graph."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share lies below, between its two neighbours in proportion; NaN of nothing."""
    if not values:
        return math.nan
    ascending = sorted(values)
    rank = share * (len(ascending) - 1)
    low, high = math.floor(rank), math.ceil(rank)
    return ascending[low] + (ascending[high] - ascending[low]) * (rank - low)


def median(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return statistics.median(values) if values else math.nan


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what slowed a round down slowed both sides of it."""
    return median([a / b for a, b in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True)
class Figures:
    """What a turn amounts to; latencies are of answers with audio."""

    clients: int
    seconds: float
    latencies: tuple[float, ...]
    first_audio: tuple[float, ...]
    audio_seconds: float
    made_seconds: float
    """Audio without the silence that a server puts between and after sentences: what the model made."""
    failures: int

    @property
    def requests_per_second(self) -> float:
        """Answers with audio."""
        return len(self.latencies) / self.seconds

    @property
    def audio_per_second(self) -> float:
        """Seconds of audio from the model in a second."""
        return self.made_seconds / self.seconds

    def share_of_peak(self, peak: float) -> float:
        """Of the machine's matrix-multiply peak in GFLOP/s."""
        return self.audio_per_second * GFLOP_PER_AUDIO_SECOND / peak


def figures(turn: Turn) -> Figures:
    """What a turn amounts to. Raises WavError when an answer with 200 is not a WAV file."""
    spoken = [reply for reply in turn.replies if reply.status == 200]
    recordings = [read_wav(reply.body) for reply in spoken]
    return Figures(
        turn.clients,
        turn.seconds,
        tuple(reply.seconds for reply in spoken),
        tuple(first_audio(reply) for reply in spoken),
        sum(recording.seconds for recording in recordings),
        sum(recording.sounding_seconds for recording in recordings),
        len(turn.replies) - len(spoken),
    )


def first_audio(reply: Reply) -> float:
    """Time to first audio of an answer; without a sample it is the time to its end."""
    return reply.seconds if reply.first_audio is None else reply.first_audio
