"""The connection of this process to a Ray cluster, and the calls to the replicas of the engine in it."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import socket
from collections.abc import AsyncGenerator

from server.errors import EngineFailed, ReplicaLost
from server.providers.ray_messages import (
    APPLICATION,
    ChunkMessage,
    FailureMessage,
    ReplicaDescription,
    ReplicaRequest,
)

CONNECT_SECONDS = 2.0
"""Timeout for the head node to accept a connection. Ray itself would try for minutes."""
PATIENCE = {"RAY_gcs_rpc_server_reconnect_timeout_s": str(365 * 24 * 3600)}
"""The variable with which a lost head node ends no other process: by default Ray ends its clients after 60 s."""
RUNNING = "RUNNING"
"""Serve's name of the state of replicas that answer."""


class RayLink:
    """One process has one link. ``open``, ``running_replicas`` and ``close`` block: call them in a thread."""

    def __init__(self, address: str) -> None:
        """``address`` is HOST:PORT of the head node."""
        self._address = address

    def open(self) -> None:
        """Joins the cluster as a client; opening again is allowed. Raises EngineFailed when it can't be reached, or the
        engine is not deployed in it."""
        if importlib.util.find_spec("ray") is None:
            raise EngineFailed("the provider ray needs the extra ray")
        host, port = self._address.rsplit(":", 1)
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except OSError:
            raise EngineFailed("the Ray cluster does not answer") from None
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        import ray
        from ray import serve
        from ray.exceptions import RayError
        from ray.serve.exceptions import RayServeException

        try:
            if not ray.is_initialized():
                ray.init(address=self._address, log_to_driver=False, configure_logging=False)
                _quiet()
            handle = serve.get_app_handle(APPLICATION)
        except (ConnectionError, RuntimeError, RayError, RayServeException) as error:
            raise EngineFailed("the engine is not deployed in the Ray cluster") from error
        self._describe = handle.options(method_name="describe")
        self._speak = handle.options(method_name="speak", stream=True)

    def running_replicas(self) -> int:
        """Returns the number of replicas that answer."""
        from ray import serve

        deployments = serve.status().applications[APPLICATION].deployments
        return sum(deployment.replica_states.get(RUNNING, 0) for deployment in deployments.values())

    async def describe(self) -> ReplicaDescription:
        """Returns what a replica can speak; waits until one answers. Raises EngineFailed."""
        with _map_errors():
            description: ReplicaDescription = await self._describe.remote()
        return description

    async def speak(self, replica_request: ReplicaRequest) -> AsyncGenerator[ChunkMessage | FailureMessage, None]:
        """Yields the messages of a replica; closing the generator ends the replica's work on the call.

        Raises ReplicaLost when the replica's process or node has ended, and EngineFailed.
        """
        with _map_errors():
            messages = self._speak.remote(replica_request)
            try:
                async for message in messages:
                    yield message
            finally:
                messages.cancel()

    def close(self) -> None:
        """Leaves the cluster. Closing again is allowed."""
        if importlib.util.find_spec("ray") is not None:
            import ray

            ray.shutdown()


class _map_errors:  # noqa: N801 - used as a function; a generator's context would hold cancelled ones
    """Raises Ray's exceptions as the server's."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, (EngineFailed, GeneratorExit, asyncio.CancelledError)):
            return
        from ray.exceptions import RayError, RayTaskError
        from ray.serve.exceptions import RayServeException, ReplicaUnavailableError

        if isinstance(error, RayTaskError):
            raise EngineFailed("a replica of the engine failed") from error
        if isinstance(error, (RayError, ReplicaUnavailableError)):
            raise ReplicaLost("the replica of the engine was lost") from error
        if isinstance(error, RayServeException):
            raise EngineFailed("no replica of the engine answers") from error


def _quiet() -> None:
    """Sends warnings of Ray the way of the server's own logs."""
    for name in ("ray", "ray.serve"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.WARNING)
        logger.propagate = True
