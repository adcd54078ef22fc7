"""A model of haproxy: which server gets the next request. The weights are what the servers' agent checks answer.

Source: haproxy 2.6, configuration manual, "balance", and lb_fwrr.c, lb_fwlc.c and backend.c.
"""

from __future__ import annotations

import random
import re

import numpy as np

from bench.targets.routed_servers import Policy

WEIGHT = 100
"""The configured weight of each server (deploy/routing/haproxy.cfg)."""
STATE = re.compile(r"up (\d+)%")


class Balancer:
    """Chooses servers by number, from 0."""

    def __init__(self, policy: Policy, servers: int, seed: int = 0) -> None:
        """Raises ValueError for an unknown policy."""
        choices = {"roundrobin": self._roundrobin, "leastconn": self._leastconn, "random(2)": self._random}
        if policy.balance not in choices:
            raise ValueError(f"balance is one of {', '.join(choices)}, not {policy.balance}")
        self._choose = choices[policy.balance]
        self._random_numbers = random.Random(seed)
        self._weights = np.full(servers, float(WEIGHT))
        self._requests = np.zeros(servers)
        """The requests that each server has in hand."""
        self._credit = np.zeros(servers)
        self._order = np.arange(float(servers))
        """Among equals the server comes next whose number of requests has not changed for longest."""
        self._changes = float(servers)

    def report(self, server: int, state: str) -> None:
        """Takes a server's answer to the agent check: ``up N%``, or ``down``."""
        match = STATE.fullmatch(state)
        self._weights[server] = round(WEIGHT * int(match[1]) / 100) if match else 0.0

    def take(self) -> int | None:
        """Returns the server that gets the next request; None while all have weight 0."""
        if not self._weights.any():
            return None
        server = self._choose()
        self._change(server, 1)
        return server

    def release(self, server: int) -> None:
        """Notes that a server has answered a request."""
        self._change(server, -1)

    def _change(self, server: int, by: int) -> None:
        self._requests[server] += by
        self._changes += 1
        self._order[server] = self._changes

    def _roundrobin(self) -> int:
        """Smooth weighted round robin."""
        self._credit += self._weights
        server = int(np.argmax(self._credit))
        self._credit[server] -= self._weights.sum()
        return server

    def _leastconn(self) -> int:
        """The fewest requests for its weight. An idle server comes first, whatever its weight."""
        with np.errstate(divide="ignore"):
            loads = np.where(self._requests > 0, (self._requests + 1) / self._weights, 0.0)
        loads[self._weights == 0] = np.inf
        equals = np.flatnonzero(loads == loads.min())
        return int(equals[np.argmin(self._order[equals])])

    def _random(self) -> int:
        """The one with fewer requests for its weight of two servers, drawn with their weights."""
        first, second = self._random_numbers.choices(range(len(self._weights)), self._weights.tolist(), k=2)
        one, other = self._requests[[first, second]] * self._weights[[second, first]]
        return first if one <= other else second
