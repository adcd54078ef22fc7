"""The port for haproxy's agent-check: each connection gets one line with the server's state and weight, and ends.

haproxy connects, reads one line, and changes the server's weight by it, relative to the weight in its configuration.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from server.logs import LOGGER
from server.synthesis.synthesizer import Synthesizer
from server.telemetry.server_load import ServerLoad

HALVING_SECONDS = 0.5
"""The forecast wait that halves the weight: as long as a state that haproxy has asked for is old, on average."""
LEAST_WEIGHT = 1
"""The weight of a server that sheds load, in percent. Load never takes a server out: all may be busy at once."""
MOST_PER_SECOND = 100.0
"""The most connections that are answered in a second. Others wait in the kernel, and take no memory here."""
WAITING_CONNECTIONS = 64
READ_BYTES = 1024

log = logging.getLogger(f"{LOGGER}.agent_check")


def agent_state(load: ServerLoad, synthesizer: Synthesizer) -> str:
    """Returns what haproxy is to do: ``up`` with a weight in percent, ``down`` while the server can't speak, and weight
    0 while it stops, so that it gets no new requests and answers those that it has.

    The administrative states ``drain`` and ``maint`` are left to the operator: an agent that sets one has to end it by
    ``ready``, and would end the operator's with it.
    """
    if load.leaving:
        return "up 0%"
    if not synthesizer.ready:
        return "down"
    weight = (
        LEAST_WEIGHT if load.shedding else max(LEAST_WEIGHT, round(100 / (1 + load.wait_seconds / HALVING_SECONDS)))
    )
    return f"up {weight}%"


class AgentCheck:
    """Answers connections one after the other, and reads nothing that a client sends. Create it inside a running event
    loop."""

    def __init__(self, host: str, port: int, load: ServerLoad, synthesizer: Synthesizer) -> None:
        """``port`` 0 selects a free port."""
        self._host, self._port = host, port
        self._load = load
        self._synthesizer = synthesizer
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int | None:
        """The port; None before ``listen``."""
        return None if self._listener is None else int(self._listener.getsockname()[1])

    async def listen(self) -> None:
        """Starts listening. Raises OSError if the port can't be opened."""
        [(family, kind, protocol, _, address), *_] = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self._listener = socket.socket(family, kind, protocol)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._listener.bind(address)
        self._listener.listen(WAITING_CONNECTIONS)

    async def run(self) -> None:
        """Answers until it is cancelled. Raises OSError, such as when file handles run out, and RuntimeError before
        ``listen``."""
        if self._listener is None:
            raise RuntimeError("the port is not open")
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            with connection, suppress(OSError):  # the client may have left
                self._answer(connection)
            await asyncio.sleep(1 / MOST_PER_SECOND)

    def close(self) -> None:
        """Stops listening."""
        if self._listener is not None:
            self._listener.close()

    def _answer(self, connection: socket.socket) -> None:
        """Sends the line, which always fits into the kernel's buffer, so that no client can make this wait."""
        connection.send(f"{agent_state(self._load, self._synthesizer)}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        with suppress(BlockingIOError):
            connection.recv(READ_BYTES)  # closing with unread bytes would reset the connection and lose the line
