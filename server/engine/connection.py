"""One socket to the engine's process: requests are sent as they arrive, and answered in order."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import numpy as np

from server.engine import messages
from server.engine.messages import EMPTY, HEADER, Command, EngineFailure, EngineRequest, EngineResponse
from server.scheduling.engine import EngineLost
from server.utterance import Samples

T = TypeVar("T")


class EngineConnection(asyncio.BufferedProtocol):
    """Used by one event loop. Samples are received into their final array, without a copy."""

    def __init__(self, released: list[int], on_loss: Callable[[EngineLost], None]) -> None:
        """``released`` holds the keys of latents that the server no longer needs; each is sent with the next request.
        ``on_loss`` is called when the other end has ended."""
        self._released = released
        self._on_loss = on_loss
        self._pending: deque[asyncio.Future[tuple[EngineResponse[Any], Samples]]] = deque()
        self._error: Exception | None = None
        """The reason why no more requests can be sent."""
        self.answered = 0
        """The number of answered requests."""
        self._header, self._message, self._samples = memoryview(bytearray(HEADER.size)), memoryview(b""), EMPTY
        self._buffers: deque[memoryview] = deque([self._header])
        """The buffers of a frame that are still to be filled."""

    @classmethod
    async def over(cls, own_end: socket.socket, released: list[int], on_loss: Callable[[EngineLost], None]) -> Self:
        """Returns a connection over a connected socket, which it owns from now on."""
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(released, on_loss), sock=own_end)
        return connection

    @property
    def waiting(self) -> bool:
        """Whether a response is pending, even if no caller waits for it any more."""
        return bool(self._pending)

    async def ask(self, command: Command[T]) -> tuple[EngineResponse[T], Samples]:
        """Returns the response. Raises the error that it reports, and EngineLost when the other end has ended."""
        if self._error is not None:
            raise self._error
        pending: asyncio.Future[tuple[EngineResponse[T], Samples]] = asyncio.get_running_loop().create_future()
        self._pending.append(pending)
        released = tuple(self._released)
        del self._released[: len(released)]
        self._transport.write(messages.frame(EngineRequest(command, released)))
        return await pending

    def close(self, error: Exception) -> None:
        """Closes the socket. Present and later callers get ``error``."""
        self._end(error)
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._error is None:
            error = EngineLost("the engine's process has ended")
            self._end(error)
            self._on_loss(error)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffers[0]

    def buffer_updated(self, nbytes: int) -> None:
        self._buffers[0] = self._buffers[0][nbytes:]
        while self._buffers and not self._buffers[0]:
            self._buffers.popleft()
        if self._buffers:
            return
        if not self._message:
            length, *shape = HEADER.unpack(self._header)
            self._message, self._samples = memoryview(bytearray(length)), np.empty(shape, np.float32)
            self._buffers.append(self._message)
            if self._samples.size:
                self._buffers.append(self._samples.data.cast("B"))
            return
        self._settle(pickle.loads(self._message), self._samples)  # noqa: S301 - from our own process
        self._message = memoryview(b"")
        self._buffers.append(self._header)

    def _settle(self, response: EngineResponse[Any] | EngineFailure, samples: Samples) -> None:
        pending = self._pending.popleft()
        self.answered += 1
        if pending.done():  # its caller was cancelled
            return
        if isinstance(response, EngineFailure):
            pending.set_exception(response.error)
        else:
            pending.set_result((response, samples))

    def _end(self, error: Exception) -> None:
        self._error = error
        while self._pending:
            pending = self._pending.popleft()
            if not pending.done():
                pending.set_exception(error)
