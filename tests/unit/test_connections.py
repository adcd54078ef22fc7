"""Tests the connection limit of a port, and which connection a new one displaces."""

from __future__ import annotations

import resource
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from otel.contract.values import EarlyEnd
from server.network.connections import LEAST, RESERVED_HANDLES, Connections, possible_connections
from tests.examples import examples


@dataclass(eq=False)
class Peer:
    receiving: bool = False
    closed: bool = False

    def give_way(self) -> None:
        self.closed = True


def test_the_longest_idle_gives_way() -> None:
    connections = Connections(3)
    peers = [Peer() for _ in range(3)]
    assert all(map(connections.open, peers))
    connections.begin(peers[0])
    connections.end(peers[0])  # idle for the shortest time
    connections.begin(peers[1])
    assert connections.open(Peer())
    assert [peer.closed for peer in peers] == [False, False, True]
    assert (connections.idle, connections.busy) == (2, 1)
    assert connections.ended_early == {EarlyEnd.DISPLACED: 1}


def test_then_who_is_still_sending_and_nobody_else() -> None:
    connections = Connections(2)
    sending, heard = Peer(receiving=True), Peer()
    for peer in (heard, sending):
        connections.open(peer)
        connections.begin(peer)
    new = Peer()
    assert connections.open(new)
    assert (sending.closed, heard.closed) == (True, False)
    connections.begin(new)
    refused = Peer()
    assert not connections.open(refused)
    assert connections.ended_early == {EarlyEnd.DISPLACED: 1, EarlyEnd.FULL: 1}
    connections.close(refused)  # a refused connection frees no place
    assert connections.busy == 2
    connections.close(heard)
    assert connections.open(Peer())


def test_one_that_was_displaced_has_no_place_left_to_free() -> None:
    connections = Connections(1)
    first, second = Peer(), Peer()
    connections.open(first)
    connections.open(second)
    connections.begin(first)
    connections.end(first)
    connections.close(first)
    assert (connections.idle, connections.busy) == (1, 0)


def test_there_are_no_more_than_handles_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for handles, expected in (
        (1024, 1024 - RESERVED_HANDLES),
        (100, LEAST),
        (10**6, 4096),
        (resource.RLIM_INFINITY, 4096),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, soft=handles: (soft, soft))
        assert possible_connections(4096) == expected
        assert possible_connections(2) == 2


class Port(RuleBasedStateMachine):
    """At most ``limit`` connections are ever open, and none is counted twice or lost."""

    @initialize(limit=st.integers(1, 5))
    def begin_with(self, limit: int) -> None:
        self.connections, self.peers = Connections(limit), [Peer()]
        self.connections.open(self.peers[0])

    @rule(receiving=st.booleans())
    def open(self, receiving: bool) -> None:
        peer = Peer(receiving)
        if self.connections.open(peer):
            self.peers.append(peer)
        self.peers = [peer for peer in self.peers if not peer.closed]

    @rule(data=st.data(), what=st.sampled_from(["begin", "end", "close"]))
    def change(self, data: st.DataObject, what: str) -> None:
        if self.peers:
            peer = data.draw(st.sampled_from(self.peers))
            getattr(self.connections, what)(peer)
            if what == "close":
                self.peers.remove(peer)

    @invariant()
    def all_are_counted(self) -> None:
        if hasattr(self, "peers"):
            assert self.connections.idle + self.connections.busy == len(self.peers) <= self.connections.limit


TestPort = Port.TestCase
TestPort.settings = settings(max_examples=examples(50), stateful_step_count=30, deadline=None)
