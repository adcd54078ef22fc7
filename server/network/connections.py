"""How many connections a port has open, and which one gives way when there is no room for another."""

from __future__ import annotations

import resource
from collections import Counter
from itertools import islice
from typing import Protocol

from otel.contract.values import EarlyEnd

RESERVED_HANDLES = 256
"""File handles that connections leave to everything else: models, logs, the engine, Redis, the Collector."""
LEAST = 16
"""Connections that a port has however few handles there are."""
LOOKED_AT = 64
"""Of the connections with a request, how many of the oldest are asked whether they could give way."""


class Peer(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def receiving(self) -> bool:
        """Whether its request is not here yet as a whole."""
        ...

    def give_way(self) -> None:
        """Closes it for the sake of another."""
        ...


class Connections:
    """The open connections of one port, at most ``limit``.

    When all places are taken, a new connection takes that of the one which has been without a request for longest, so
    that thousands of idle connections keep nobody out; then that of one whose request is still being received. Only
    when all have a request at work, the new one is refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ended_early: Counter[EarlyEnd] = Counter()
        self._idle: dict[Peer, None] = {}
        self._busy: dict[Peer, None] = {}

    @property
    def idle(self) -> int:
        """Connections without a request."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """Connections with a request."""
        return len(self._busy)

    def open(self, peer: Peer) -> bool:
        """Gives a new connection a place; False if there is none."""
        if self.idle + self.busy >= self.limit and not self._displace():
            self.ended_early[EarlyEnd.FULL] += 1
            return False
        self._idle[peer] = None
        return True

    def begin(self, peer: Peer) -> None:
        """Its request has begun: the headers are here."""
        if peer in self._idle:
            del self._idle[peer]
            self._busy[peer] = None

    def end(self, peer: Peer) -> None:
        """Its request is answered, and it may have another one."""
        if peer in self._busy:
            del self._busy[peer]
            self._idle[peer] = None

    def close(self, peer: Peer) -> None:
        """Frees its place, if it has one."""
        self._idle.pop(peer, None)
        self._busy.pop(peer, None)

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
    """Allows this process as many open files as the system lets it have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def room(wanted: int) -> int:
    """How many of the ``wanted`` connections there are file handles for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(soft - RESERVED_HANDLES, LEAST))
