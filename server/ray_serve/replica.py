"""One replica of the engine in a Ray cluster."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from server import logs
from server.errors import EngineFailed, ShuttingDown, SpeechError
from server.lifecycle import launch
from server.logs import LOGGER
from server.providers.coqui import CoquiProvider
from server.providers.ray_messages import (
    ChunkMessage,
    FailureMessage,
    ReplicaDescription,
    ReplicaRequest,
    small_chunks,
)
from server.ray_serve.autoscaling import AUDIO_SECONDS
from server.ray_serve.replica_metrics import ReplicaMetrics
from server.text import phonemes
from server.voices.catalogue import Catalogue

RESTART_SECONDS = 30.0
"""How long a call waits while the engine's process is replaced, which takes 5 to 10 s."""

log = logging.getLogger(f"{LOGGER}.replica")


@dataclass(frozen=True, slots=True)
class ReplicaOptions:
    """How a replica runs the engine. Paths are those of its node."""

    voices_folder: Path
    device: str
    threads: int
    max_audio_seconds: float
    stall_seconds: float
    number_format: str
    log_level: str
    build: str


class EngineReplica:
    """The engine with all voices of its node, in a process of its own; Serve calls the methods.

    Calls run at the same time, and the engine's own schedule makes batches of them.
    """

    async def __init__(self, options: ReplicaOptions) -> None:  # type: ignore[misc]  # Serve awaits it
        from ray import serve

        _close_door()
        logs.configure(options.log_level)
        catalogue = await asyncio.to_thread(Catalogue.scan, options.voices_folder)
        self._name = serve.get_replica_context().replica_id.unique_id
        self._provider = CoquiProvider(
            catalogue.voices.values(),
            device=options.device,
            threads=options.threads,
            max_audio_seconds=options.max_audio_seconds,
            stall_seconds=options.stall_seconds,
            number_format=options.number_format,
            log=log,
        )
        self._metrics = ReplicaMetrics([self._provider], options.build, log)
        await asyncio.to_thread(phonemes.pool().start)
        await self._provider.start(self._metrics)
        launch.settle()

    async def describe(self) -> ReplicaDescription:
        """Returns what it can speak."""
        voices = self._provider.voices()
        spoken = {voice.name: self._provider.phonemes(voice) for voice in voices}
        return ReplicaDescription(
            voices, {name: None if each is None else frozenset(each) for name, each in spoken.items()}
        )

    async def speak(self, replica_request: ReplicaRequest) -> AsyncGenerator[ChunkMessage | FailureMessage, None]:
        """Yields the audio as it is made; a failure is the last message."""
        received = time.perf_counter_ns()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(RESTART_SECONDS):
                    await self._metrics.speaking.wait()
            async with aclosing(self._provider.speak(replica_request.utterance, replica_request.listener)) as chunks:
                async for chunk in chunks:
                    rate = self._provider.load().rate
                    for small in small_chunks(chunk):
                        yield ChunkMessage(small, self._name, rate, received, time.perf_counter_ns())
        except (EngineFailed, ShuttingDown) as error:
            yield FailureMessage(error, lost=not self._provider.running)
        except SpeechError as error:
            yield FailureMessage(error, lost=False)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Returns what Serve's autoscaling reads."""
        return {AUDIO_SECONDS: self._provider.load().audio_seconds}

    async def check_health(self) -> None:
        """Raises RuntimeError when the engine can't be started any more; Serve then replaces the replica."""
        if self._metrics.failure is not None:
            raise RuntimeError("the engine is lost") from self._metrics.failure

    async def __del__(self) -> None:
        """Ends the engine's process when Serve stops the replica."""
        await self._provider.close()
        await asyncio.to_thread(phonemes.pool().close)
        await self._metrics.close()


def _close_door() -> None:
    """Keeps the port for other deployments on the loopback interface.

    Serve opens it in every replica on all interfaces, and it takes pickled calls from whoever reaches it. Calls through
    a handle don't use it.
    """
    from ray.serve._private import replica

    listen = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, _: listen(server, "127.0.0.1:0")
