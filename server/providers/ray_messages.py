"""What the provider ray and the replicas of the engine send each other, pickled by Ray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from server.errors import SpeechError
from server.utterance import Chunk, Listener, Utterance, Voice

APPLICATION = "ttscope"
"""The name of the application in Ray Serve."""
INLINE_SAMPLES = 22_000
"""The most samples in a message, 88 KB. Ray sends up to 100 KB with the answer itself; what is larger goes through the
stores of two nodes. Five messages took 9 ms at 90 KB, and 29 ms at 131 KB."""


@dataclass(frozen=True, slots=True)
class ReplicaRequest:
    """A request for speech."""

    utterance: Utterance
    listener: Listener


@dataclass(frozen=True, slots=True)
class ReplicaDescription:
    """What a replica can speak."""

    voices: tuple[Voice, ...]
    phonemes: dict[str, frozenset[str] | None]
    """The phonemes that each voice can make, by its name; None for a voice that reads letters."""


@dataclass(frozen=True, slots=True)
class ChunkMessage:
    """A chunk of audio, whose intervals are in the replica's ``time.perf_counter_ns``."""

    chunk: Chunk
    replica: str
    """The name of the replica that made it."""
    rate: float
    """The replica's throughput, in seconds of audio per second."""
    received: int
    """When the replica received the call, by its own clock, in ns."""
    sent: int
    """When the replica sent this message, by its own clock, in ns."""


@dataclass(frozen=True, slots=True)
class FailureMessage:
    """The end of a call that failed."""

    error: SpeechError
    lost: bool
    """Whether the replica's engine was lost, so that another replica may speak."""


def small_chunks(chunk: Chunk) -> Iterator[Chunk]:
    """Yields a chunk as chunks of at most INLINE_SAMPLES; the first one has everything but the samples."""
    yield replace(chunk, samples=chunk.samples[:INLINE_SAMPLES])
    for start in range(INLINE_SAMPLES, len(chunk.samples), INLINE_SAMPLES):
        yield Chunk(chunk.samples[start : start + INLINE_SAMPLES], chunk.sample_rate)
