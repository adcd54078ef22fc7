"""The Protocol of a provider, and the reports that it sends to the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Container
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from otel.contract.values import Device
from server.seeds import Arithmetic
from server.utterance import Ability, Chunk, Listener, Utterance, Voice
from server.voices.tenant_recordings import TenantRecordings


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a provider: its throughput and its queue."""

    rate: float = 1.0
    """The recently measured throughput, in seconds of audio per second."""
    depth: int = 0
    """The number of waiting requests."""
    audio_seconds: float = 0.0
    """The pending audio: seconds that were requested and are not made yet."""
    device: str = field(default="cpu", compare=False)
    """What it computes on: cpu, cuda, or remote for another server."""


class ServerReports(Protocol):
    """Receives reports that concern the whole server; called in the event loop's thread."""

    def loaded(self, voice: str, seconds: float) -> None:
        """Reports that loading and warming up the model of ``voice`` took ``seconds``."""
        ...

    def batch(self, size: int, padding: float) -> None:
        """Reports a batch of ``size`` steps; ``padding`` is the share of its work that is padding, 0 to 1."""
        ...

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        """Reports that a batch in the engine's process took so many seconds of the units of ``device``, and saved so
        many compared with its steps alone."""
        ...

    def thread_worked(self, device: Device, seconds: float) -> None:
        """Reports that a thread of the server's own process took so many seconds of the units of ``device`` for
        audio, whether or not a request got it."""
        ...

    def worker_restarted(self, worker: str) -> None:
        """Reports the restart of a worker process; ``worker`` is one of otel.contract.values.WorkerKind."""
        ...

    def lost(self, error: Exception) -> None:
        """Reports that the provider, or the whole fallback chain, can never speak again in this process."""
        ...


class Reports(ServerReports, Protocol):
    """Receives the reports of one provider."""

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
    """Its optional abilities. It gets no utterance that needs any other."""

    def voices(self) -> tuple[Voice, ...]:
        """Returns its voices."""
        ...

    async def start(self, reports: Reports) -> None:
        """Loads and warms up the models; the provider is ready when this returns.

        Raises EngineFailed when it can never speak with its configuration. A provider that is only unavailable at the
        moment starts successfully and fails in ``check``.
        """
        ...

    async def check(self) -> None:
        """Checks whether it can speak, by a known word or a request. Raises EngineFailed when it can't."""
        ...

    def estimate(self, utterance: Utterance) -> float:
        """Returns the estimated seconds of audio. It must be cheap."""
        ...

    def load(self) -> Load:
        """Returns its current load. It must be cheap."""
        ...

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the audio in order. Work begins with the first pull; closing the generator abandons the rest.

        Raises NothingToSpeak, TextTooLong or EngineFailed, the first two before any chunk.
        """
        ...

    async def close(self) -> None:
        """Ends running work and releases all resources."""
        ...


@runtime_checkable
class RecordingProvider(Protocol):
    """A provider that also speaks with voices from clients' recordings."""

    recordings: TenantRecordings
    """The recordings. A voice is registered by storing one."""


@runtime_checkable
class PhonemeProvider(Protocol):
    """A provider whose voices speak phonemes."""

    def phonemes(self, voice: Voice) -> Container[str] | None:
        """Returns the phonemes that a voice can make; None for a voice that reads letters, nothing before it is
        loaded."""
        ...


@runtime_checkable
class ArithmeticProvider(Protocol):
    """A provider that knows how its voices' numbers are computed."""

    def arithmetic(self, voice: Voice) -> Arithmetic | None:
        """Returns how a voice's numbers are computed; None before it is loaded."""
        ...
