"""The metrics of one replica, which it exports itself: each is recorded where it happens, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

from otel.contract import metrics as instruments
from otel.contract.values import Device, WorkerKind
from otel.sdk.telemetry import Telemetry
from server import VERSION
from server.providers.provider import Provider
from server.telemetry.allow_lists import allow_lists
from server.telemetry.client_names import KeyNames
from server.telemetry.provider_metrics import NOWHERE

WORKERS = (WorkerKind.ENGINE, WorkerKind.PHONEMES)
RESOURCE_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
INSTANCE = "service.instance.id"
FLUSH_SECONDS = 5.0


class ReplicaMetrics:
    """Receives the reports of the replica's provider; see server.providers.provider.Reports.

    It has no series of requests: the server counts those. Its resource has a ``service.instance.id`` of its own.
    """

    def __init__(self, providers: Sequence[Provider], build: str, log: logging.Logger) -> None:
        _drop_shared_instance()
        self._telemetry = Telemetry(
            version=VERSION, build=build or VERSION, allow_lists=allow_lists(providers, (), (), (), KeyNames(tuple))
        )
        self._metrics = self._telemetry.metrics
        self._log = log
        self._load_seconds: dict[str, float] = {}
        self.speaking = asyncio.Event()
        """Set while the engine runs."""
        self.speaking.set()
        self.failure: Exception | None = None
        """Why the engine will never speak again in this replica; None while it may."""
        self._metrics.observe(
            instruments.MODEL_LOAD_TIME,
            lambda: [(seconds, {"model": voice}) for voice, seconds in self._load_seconds.items()],
        )
        for worker in WORKERS:
            self._metrics.add(instruments.WORKER_RESTARTS, 0, worker=worker)

    def loaded(self, voice: str, seconds: float) -> None:
        self._load_seconds[voice] = seconds

    def batch(self, size: int, padding: float) -> None:
        self._metrics.record(instruments.BATCH_SIZE, size, NOWHERE)
        self._metrics.record(instruments.BATCH_PADDING, padding, NOWHERE)

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        """Does nothing: the server prices what a replica took for a request."""

    def thread_worked(self, device: Device, seconds: float) -> None:
        """Does nothing: the server prices what a replica took for a request."""

    def worker_restarted(self, worker: str) -> None:
        self._metrics.add(instruments.WORKER_RESTARTS, 1, worker=worker)

    def stopped(self) -> None:
        self.speaking.clear()
        self._log.warning("the replica can't speak until its engine has started again")

    def resumed(self) -> None:
        self.speaking.set()
        self._log.info("the replica can speak again")

    def lost(self, error: Exception) -> None:
        self.failure = error

    async def close(self) -> None:
        """Exports what is left."""
        await self._telemetry.shutdown(FLUSH_SECONDS)


def _drop_shared_instance() -> None:
    """Removes service.instance.id from the variables: all replicas of a node would have the same, and one's sums would
    overwrite another's."""
    entries = os.environ.get(RESOURCE_ATTRIBUTES, "").split(",")
    own = [entry for entry in entries if entry.split("=")[0].strip() != INSTANCE]
    if own != entries:
        os.environ[RESOURCE_ATTRIBUTES] = ",".join(own)
