"""The interface between the server and whatever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from server.utterance import Ability, Chunk, Listener, Utterance, Voice
from server.voices.recordings import RecordingStore


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a provider: its rate, and what waits for it."""

    rate: float = 1.0
    """Seconds of audio that it makes in a second, measured lately."""
    depth: int = 0
    """The number of requests that wait for their turn."""
    audio_seconds: float = 0.0
    """Seconds of audio that were requested and are not made yet."""


class ServerReports(Protocol):
    """Receives what concerns the whole server from a provider; called in the event loop's thread."""

    def loaded(self, voice: str, seconds: float) -> None:
        """Reports that the model of ``voice`` was loaded and warmed up in so many seconds."""
        ...

    def batch(self, size: int, padding: float) -> None:
        """Reports a batch of ``size`` steps, of whose work the share ``padding`` only padded the shorter ones."""
        ...

    def worker_restarted(self, worker: str) -> None:
        """Reports that a worker process of this kind (see otel.contract.values.WorkerKind) is started again."""
        ...

    def lost(self, error: Exception) -> None:
        """Reports that the provider, or the fallback chain with all its providers, can never speak again in this
        process."""
        ...


class Reports(ServerReports, Protocol):
    """Receives what a provider reports of itself."""

    def stopped(self) -> None:
        """Reports that the provider can't speak until ``resumed``."""
        ...

    def resumed(self) -> None:
        """Reports that the provider can speak again. Its voices may have changed."""
        ...


class Provider(Protocol):
    """Turns utterances into audio."""

    name: str
    abilities: frozenset[Ability]
    """The optional abilities that it has. It gets no utterance that needs another."""

    def voices(self) -> tuple[Voice, ...]:
        """Returns the voices that it can speak with."""
        ...

    async def start(self, reports: Reports) -> None:
        """Loads the models and speaks once with each; the provider is ready when this returns.

        Raises EngineFailed when it can never speak with its configuration. A provider that only can't speak now starts
        all the same, and fails in ``check``.
        """
        ...

    async def check(self) -> None:
        """Checks whether it can speak, by speaking or by asking. Raises EngineFailed when it can't."""
        ...

    def estimate(self, utterance: Utterance) -> float:
        """Returns about how many seconds of audio the utterance will be. It takes no time."""
        ...

    def load(self) -> Load:
        """Returns how busy it is. It takes no time."""
        ...

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the utterance's audio, in order. Work begins with the first pull; closing the generator abandons the
        rest.

        Raises NothingToSpeak, TextTooLong or EngineFailed, the first two before any chunk.
        """
        ...

    async def close(self) -> None:
        """Ends running work and releases everything."""
        ...


@runtime_checkable
class RecordingProvider(Protocol):
    """A provider that also speaks with the voices of clients' recordings."""

    recording_store: RecordingStore
    """The recordings. A voice is registered by storing one."""
