"""One socket to the engine's process: requests go out as they come, and are answered in their order."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections import deque
from collections.abc import Callable
from typing import Self, cast

import numpy as np

from server.engine import messages
from server.engine.messages import EMPTY, HEADER, Answer, Failure, Question, Request
from server.scheduling.engine import EngineLost, Samples

Reply = tuple[Answer, Samples]


class Connection(asyncio.BufferedProtocol):
    """Used by one event loop. Samples are received where they will lie."""

    def __init__(self, forgotten: list[int], lost: Callable[[EngineLost], None]) -> None:
        """``forgotten`` are the keys of latents that nobody wants any longer, each of which is told with the next
        request; ``lost`` is called when the other end has ended."""
        self._forgotten = forgotten
        self._lost = lost
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._gone: Exception | None = None
        self.answered = 0
        """Questions that were answered."""
        self._header, self._message, self._samples = memoryview(bytearray(HEADER.size)), memoryview(b""), EMPTY
        self._parts: deque[memoryview] = deque([self._header])
        """What is still to be filled of a frame."""

    @classmethod
    async def over(cls, ours: socket.socket, forgotten: list[int], lost: Callable[[EngineLost], None]) -> Self:
        """On a socket that is connected, and is the connection's from now on."""
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(forgotten, lost), sock=ours)
        return connection

    @property
    def waiting(self) -> bool:
        """Whether an answer is due, though perhaps nobody waits for it any longer."""
        return bool(self._waiting)

    async def ask(self, request: Request) -> Reply:
        """The answer; raises what went wrong instead, EngineLost when the other end has ended."""
        if self._gone is not None:
            raise self._gone
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(reply)
        forgotten = tuple(self._forgotten)
        del self._forgotten[: len(forgotten)]
        self._transport.write(messages.frame(Question(request, forgotten)))
        return await reply

    def close(self, error: Exception) -> None:
        """Whoever still waits, or asks later, gets ``error``."""
        self._end(error)
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._gone is None:
            error = EngineLost("the engine's process has ended")
            self._end(error)
            self._lost(error)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._parts[0]

    def buffer_updated(self, nbytes: int) -> None:
        self._parts[0] = self._parts[0][nbytes:]
        while self._parts and not self._parts[0]:
            self._parts.popleft()
        if self._parts:
            return
        if not self._message:
            length, *shape = HEADER.unpack(self._header)
            self._message, self._samples = memoryview(bytearray(length)), np.empty(shape, np.float32)
            self._parts.append(self._message)
            if self._samples.size:
                self._parts.append(self._samples.data.cast("B"))
            return
        self._settle(pickle.loads(self._message), self._samples)  # noqa: S301 - from our own process
        self._message = memoryview(b"")
        self._parts.append(self._header)

    def _settle(self, answer: Answer | Failure, samples: Samples) -> None:
        reply = self._waiting.popleft()
        self.answered += 1
        if reply.done():  # nobody waits any longer
            return
        if isinstance(answer, Failure):
            reply.set_exception(answer.error)
        else:
            reply.set_result((answer, samples))

    def _end(self, error: Exception) -> None:
        self._gone = error
        while self._waiting:
            reply = self._waiting.popleft()
            if not reply.done():
                reply.set_exception(error)
