"""Replicas behind a router, in virtual time: sends arrivals to them and collects the replies."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bench.clients.figures import percentile
from bench.clients.load import Reply
from bench.simulation import virtual_time
from bench.simulation.balancer import Balancer
from bench.simulation.replica import Door, Limits, Replica
from bench.simulation.step_times import StepTimes
from bench.simulation.timed_provider import TimedProvider
from bench.simulation.workload import Arrival
from bench.targets.routed_servers import Policy
from server.providers.provider import Provider
from server.telemetry.samplers import SystemSampler

AGENT_SECONDS = 1.0
"""The time between two agent checks of a server (deploy/routing/haproxy.cfg)."""
LOW_RATE = 689
"""The sample rate of the simulated audio in Hz, eight samples a frame: what it takes to judge a clip, and no more."""
NO_SERVER = 503
LEASTCONN = Policy("leastconn", weighted=True)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Equal servers behind a router."""

    times: StepTimes
    replicas: int = 1
    policy: Policy = LEASTCONN
    cores: int = 0
    """The cores of each server; 0 means as many as were measured."""
    sleeps: bool = False
    """Whether the engines only sleep, so that the event loop of a server has cores of its own."""
    limits: Limits = field(default_factory=Limits.defaults)
    following: Callable[[int], Sequence[Provider]] | None = None
    """Returns the providers that follow the first one in the fallback chain of a server; None means that there are
    none."""
    ends_at: float | None = None
    """When the first provider of every server ends; None means never."""


@dataclass(frozen=True, slots=True)
class FleetRun:
    """What came of the arrivals. Times are virtual seconds."""

    arrivals: tuple[Arrival, ...]
    replies: tuple[Reply, ...]
    """In the order of the arrivals."""
    requests: tuple[int, ...]
    """By server."""
    seconds: float
    """The time until the last reply."""
    busy_share: float
    """The share of the workers' time in which they worked."""
    real_time_factor: float
    """The seconds that a worker works for a second of audio."""
    engine_seconds: float
    """The time that all workers together worked."""
    in_flight_seconds: float
    """The sum of the times that requests were at servers."""
    fallbacks: int

    def first_audio(self, share: float, since: float = 0.0) -> float:
        """Returns a percentile of the time to first audio of streams that came at ``since`` or later."""
        pairs = zip(self.arrivals, self.replies, strict=True)
        streams = [reply.first_audio for arrival, reply in pairs if arrival.streamed and arrival.at >= since]
        return percentile([seconds for seconds in streams if seconds is not None], share)

    def total(self, share: float, since: float = 0.0) -> float:
        """Returns a percentile of the time to the last byte of requests that came at ``since`` or later."""
        return percentile([each.seconds for each in self.answered(since)], share)

    def between(self, since: float, until: float) -> FleetRun:
        """Returns the run with only the requests that arrived from ``since`` to before ``until``."""
        pairs = zip(self.arrivals, self.replies, strict=True)
        chosen = [(arrival, reply) for arrival, reply in pairs if since <= arrival.at < until]
        arrivals, replies = (tuple(each) for each in zip(*chosen, strict=True)) if chosen else ((), ())
        return replace(self, arrivals=arrivals, replies=replies)

    def answered(self, since: float = 0.0) -> list[Reply]:
        """Returns the replies with audio."""
        return [reply for reply in self.replies if reply.status == 200 and reply.start >= since]


def simulate(fleet: Fleet, arrivals: Sequence[Arrival], seed: int = 0) -> FleetRun:
    """Sends the arrivals to the fleet, and waits for all replies. The same seed gives the same run."""
    return virtual_time.run(_Run(fleet, seed).all(arrivals))


def _slowdown(door: Door, cores: float) -> float:
    """Returns how many times as long a step takes on cores that also run the event loop."""
    return 1.0 + door.busy_share() / cores


class _Run:
    """One simulation, on the running loop."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet = fleet
        self._balancer = Balancer(fleet.policy, fleet.replicas, seed)
        self._seed = seed
        self._providers: list[TimedProvider] = []
        self._replicas: list[Replica] = []

    async def all(self, arrivals: Sequence[Arrival]) -> FleetRun:
        loop = asyncio.get_running_loop()
        await self._start()
        beside = [asyncio.create_task(self._check_agents(number)) for number in range(len(self._replicas))]
        if self._fleet.ends_at is not None:
            beside.append(asyncio.create_task(self._end_providers(self._fleet.ends_at)))
        requests = []
        for arrival in arrivals:
            await asyncio.sleep(arrival.at - loop.time())
            requests.append(asyncio.create_task(self._send(arrival)))
        replies = await asyncio.gather(*requests)
        seconds = loop.time()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for replica in self._replicas:
            await replica.stop()
        return self._result(tuple(arrivals), tuple(replies), seconds)

    async def _start(self) -> None:
        fleet, system = self._fleet, SystemSampler()
        cores = fleet.cores or fleet.times.cores
        for number in range(fleet.replicas):
            seed = self._seed * 1_000_003 + number
            door = Door(fleet.times.door, fleet.times.door_audio, fleet.times.latency)
            slowdown = partial(_slowdown, door, math.inf if fleet.sleeps else cores)
            provider = TimedProvider(fleet.times, cores, sample_rate=LOW_RATE, seed=seed, slowdown=slowdown)
            following = fleet.following(number) if fleet.following is not None else ()
            replica = Replica([provider, *following], fleet.limits, door, system)
            await replica.start(probed=bool(following))
            self._providers.append(provider)
            self._replicas.append(replica)

    async def _send(self, arrival: Arrival) -> Reply:
        server = self._balancer.take()
        if server is None:
            moment = asyncio.get_running_loop().time()
            return Reply(arrival.words, NO_SERVER, moment, moment, None, b"")
        try:
            return await self._replicas[server].answer(arrival)
        finally:
            self._balancer.release(server)

    async def _check_agents(self, server: int) -> None:
        """Asks a server's agent check again and again; haproxy spreads the checks of servers over its interval."""
        if not self._fleet.policy.weighted:
            return
        await asyncio.sleep(AGENT_SECONDS * server / len(self._replicas))
        while True:
            self._balancer.report(server, self._replicas[server].agent_state)
            await asyncio.sleep(AGENT_SECONDS)

    async def _end_providers(self, at: float) -> None:
        await asyncio.sleep(at)
        for provider in self._providers:
            provider.end()

    def _result(self, arrivals: tuple[Arrival, ...], replies: tuple[Reply, ...], seconds: float) -> FleetRun:
        busy = sum(provider.engine.busy_seconds for provider in self._providers)
        audio = sum(provider.engine.audio_seconds for provider in self._providers)
        workers = len(self._providers) * (self._fleet.cores or self._fleet.times.cores)
        return FleetRun(
            arrivals,
            replies,
            tuple(replica.requests for replica in self._replicas),
            seconds,
            busy / workers / seconds if seconds else 0.0,
            busy / audio if audio else 0.0,
            busy,
            sum(replica.in_flight_seconds for replica in self._replicas),
            sum(replica.fallbacks.count for replica in self._replicas),
        )
