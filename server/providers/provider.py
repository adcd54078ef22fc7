"""The seam between the server and whatever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from server.utterance import Ability, Chunk, Listener, Utterance, Voice


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a provider is."""

    rate: float = 1.0
    """Seconds of audio that it makes in a second, as measured of late."""
    depth: int = 0
    """Requests that wait for their turn."""
    audio_seconds: float = 0.0
    """Of audio that was asked for and is not made."""


class ServerReports(Protocol):
    """What a provider tells the whole server of itself; called from the event loop's thread."""

    def loaded(self, voice: str, seconds: float) -> None:
        """The model of ``voice`` was loaded and warmed up in so many seconds."""
        ...

    def batch(self, size: int, padding: float) -> None:
        """``size`` steps were taken together, and the share ``padding`` of the work only padded the shorter ones."""
        ...

    def worker_restarted(self, worker: str) -> None:
        """A worker process of the kind ``worker`` (see otel.contract.values.WorkerKind) is started again."""
        ...

    def lost(self, error: Exception) -> None:
        """Nobody who tells this will ever speak again in this process: the provider, or the chain with all of its."""
        ...


class Reports(ServerReports, Protocol):
    """Where a provider tells of itself."""

    def stopped(self) -> None:
        """The provider can't speak until it says ``resumed``."""
        ...

    def resumed(self) -> None:
        """The provider can speak again; its voices may be others now."""
        ...


class Provider(Protocol):
    """Something that turns utterances into audio."""

    name: str
    abilities: frozenset[Ability]
    """What it can do that not every provider can: it is asked for nothing else of the kind."""

    def voices(self) -> tuple[Voice, ...]:
        """The voices it can speak with."""
        ...

    async def start(self, reports: Reports) -> None:
        """Loads the models and speaks once with each; the provider is ready when this returns.

        Raises EngineFailed when it can never speak as it was set up. Who only can't speak now starts all the same, and
        fails in ``check``.
        """
        ...

    async def check(self) -> None:
        """Finds out whether it can speak, by speaking or by asking. Raises EngineFailed when it can't."""
        ...

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio the utterance will be; at once, without work."""
        ...

    def load(self) -> Load:
        """How busy it is; at once, without work."""
        ...

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order. Work begins with the first pull; closing the generator abandons the rest.

        Raises NothingToSpeak, TextTooLong or EngineFailed, the first two before any chunk.
        """
        ...

    async def close(self) -> None:
        """Ends the work at hand and gives everything back."""
        ...
