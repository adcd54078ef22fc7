"""Limits the open connections of a port, and chooses which one a new connection displaces."""

from __future__ import annotations

import resource
from collections import Counter
from itertools import islice
from typing import Protocol

from otel.contract.values import EarlyEnd

RESERVED_HANDLES = 256
"""File handles reserved for everything else: models, logs, the engine, Redis, the Collector."""
LEAST = 16
"""The minimum connection limit of a port, however few file handles there are."""
LOOKED_AT = 64
"""How many of the oldest busy connections are searched for one to displace."""


class Peer(Protocol):
    """A connection, as ``Connections`` uses it."""

    @property
    def receiving(self) -> bool:
        """Whether its request has not been received completely."""
        ...

    def give_way(self) -> None:
        """Closes the connection in favour of another one."""
        ...


class Connections:
    """The open connections of one port, at most ``limit``.

    At the limit, a new connection displaces the one that has been idle for longest, so thousands of idle connections
    can't block a client. If no connection is idle, it displaces one whose request is still being received. If all
    requests are running, the new connection is refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ended_early: Counter[EarlyEnd] = Counter()
        self._idle: dict[Peer, None] = {}
        self._busy: dict[Peer, None] = {}

    @property
    def idle(self) -> int:
        """The number of connections without a request."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """The number of connections with a request."""
        return len(self._busy)

    def open(self, peer: Peer) -> bool:
        """Adds a new connection; returns False if it is refused because of the limit."""
        if self.idle + self.busy >= self.limit and not self._displace():
            self.ended_early[EarlyEnd.FULL] += 1
            return False
        self._idle[peer] = None
        return True

    def begin(self, peer: Peer) -> None:
        """Marks a connection as busy: the headers of a request were received."""
        if peer in self._idle:
            del self._idle[peer]
            self._busy[peer] = None

    def end(self, peer: Peer) -> None:
        """Marks a connection as idle: its request has been answered, and another one may follow."""
        if peer in self._busy:
            del self._busy[peer]
            self._idle[peer] = None

    def close(self, peer: Peer) -> bool:
        """Removes a connection; returns whether it was open."""
        was_open = peer in self._idle or peer in self._busy
        self._idle.pop(peer, None)
        self._busy.pop(peer, None)
        return was_open

    def end_all(self) -> None:
        """Closes every open connection."""
        for peer in (*self._idle, *self._busy):
            self.close(peer)
            peer.give_way()

    def _displace(self) -> bool:
        oldest = next(iter(self._idle), None)
        if oldest is None:
            oldest = next((peer for peer in islice(self._busy, LOOKED_AT) if peer.receiving), None)
        if oldest is None:
            return False
        self.close(oldest)
        self.ended_early[EarlyEnd.DISPLACED] += 1
        oldest.give_way()
        return True


def raise_handle_limit() -> None:
    """Raises this process's limit of open files to its hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def possible_connections(limit: int) -> int:
    """Returns the number of connections that the file handles allow, at most ``limit``."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limit
    return min(limit, max(soft - RESERVED_HANDLES, LEAST))
