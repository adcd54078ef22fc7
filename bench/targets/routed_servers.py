"""Several servers behind a router, and streams for them: short texts and a few long ones, each from another client."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp

from bench.clients.figures import percentile
from bench.clients.load import Reply, Request, open_loop, session_to
from bench.clients.passage import Reader
from bench.targets.contenders import ttscope_stream_request
from bench.targets.process import NO_CACHE, Program, free_port, running

SHORT_WORDS, LONG_WORDS = (4, 14), (60, 120)
LONG_SHARE = 0.2
"""The share of long texts, which are two thirds of the audio."""
SECONDS_PER_WORD = 0.37
"""Seconds of audio for a word of the passage, hummed."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """How often the ways take turns, and how long each turn lasts."""

    rounds: int
    seconds: float


FULL, QUICK = RoutingPlan(2, 40.0), RoutingPlan(1, 20.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are shared among servers."""

    balance: str
    """The router's name for it."""
    weighted: bool
    """Whether the servers' load sets their weights."""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What one way of sharing came to, all rounds together."""

    policy: Policy
    first_audio: tuple[float, ...] = ()
    """The time to first audio of each answer, in seconds."""
    failures: int = 0
    requests: tuple[int, ...] = ()
    """The number of requests by server."""

    def with_turn(self, replies: Sequence[Reply], requests: Sequence[int]) -> PolicyResult:
        """Returns the result with another turn's answers, and requests by server."""
        first_audio = tuple(reply.first_audio for reply in replies if reply.first_audio is not None)
        return PolicyResult(
            self.policy,
            self.first_audio + first_audio,
            self.failures + len(replies) - len(first_audio),
            tuple(a + b for a, b in zip(self.requests or [0] * len(requests), requests, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class RoutedServers:
    """The servers behind the router: the ports of API and agent check of each, and the address of the first."""

    ports: tuple[tuple[int, int], ...]
    first_url: str


class Router(Protocol):
    """A running router."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    def requests(self) -> list[int]:
        """Returns the number of requests that each server has had."""
        ...


RunRouter = Callable[[Policy, Sequence[tuple[int, int]]], AbstractAsyncContextManager[Router]]
"""Runs a router before servers with these ports of the API and of the agent check."""


@asynccontextmanager
async def servers(programs: Sequence[Program]) -> AsyncIterator[RoutedServers]:
    """Runs the servers, each with an agent check and load reports."""
    async with AsyncExitStack() as stack:
        ports, urls = [], []
        for program in programs:
            agent = free_port()
            own = {
                "TTSCOPE_AGENT_CHECK_PORT": str(agent),
                "TTSCOPE_LOAD_REPORTS": "requested",
                "TTSCOPE_TRUSTED_PROXIES": "127.0.0.1",
                "TTSCOPE_REQUESTS_PER_MINUTE": "0",  # to a client on the loopback Envoy gives another address
            }
            environment = {**program.environment, **own}
            server = await stack.enter_async_context(running(replace(program, environment=environment)))
            ports.append((int(server.url.rpartition(":")[2]), agent))
            urls.append(server.url)
        yield RoutedServers(tuple(ports), urls[0])


def humming(speed: float) -> Program:
    """Returns the program of a server that hums so many seconds of audio a second."""
    return Program(f"hum {speed:g}", (sys.executable, "-m", "tests.loaded_server", str(speed)), "/ready", NO_CACHE)


async def take_turns(
    group: RoutedServers,
    run_router: RunRouter,
    policies: Sequence[Policy],
    audio_per_second: float,
    plan: RoutingPlan,
    *,
    own_audio: float = 0.0,
) -> tuple[PolicyResult, ...]:
    """Measures each way in turn, with requests for so much audio a second; ``own_audio`` is asked of the first server
    directly."""
    results = {policy: PolicyResult(policy) for policy in policies}
    for number in range(plan.rounds):
        for policy in policies:
            async with run_router(policy, group.ports) as router, session_to(router.url, REQUEST_SECONDS) as session:
                async with asyncio.TaskGroup() as tasks:
                    if own_audio:
                        tasks.create_task(own_load(group.first_url, own_audio, plan.seconds, seed=100 + number))
                    replies = await send_all(session, audio_per_second, plan.seconds, seed=number)
                results[policy] = results[policy].with_turn(replies, router.requests())
            turn = PolicyResult(policy).with_turn(replies, ())
            print(
                f"{policy.balance:10} {'weights' if policy.weighted else '':7}",
                *(f"p{share * 100:.0f} {percentile(turn.first_audio, share):.3f} s" for share in (0.5, 0.95)),
                *(f"{status}: {count}" for status, count in sorted(Counter(reply.status for reply in replies).items())),
            )
    return tuple(results.values())


async def send_all(
    session: aiohttp.ClientSession, audio_per_second: float, seconds: float, *, seed: int
) -> tuple[Reply, ...]:
    """Sends requests for so much audio a second, each from a client of its own."""
    requests = mixed(seconds * audio_per_second, seed)
    return (await open_loop(session, requests, len(requests) / seconds)).replies


async def own_load(url: str, audio_per_second: float, seconds: float, *, seed: int) -> None:
    """Sends the same kind of requests to one server directly."""
    async with session_to(url, REQUEST_SECONDS) as session:
        await send_all(session, audio_per_second, seconds, seed=seed)


def mixed(audio_seconds: float, seed: int) -> list[Request]:
    """Returns requests for about so much audio: short texts and a few long ones in random order."""
    reader, generator, requests = Reader(seed), random.Random(seed), []
    while audio_seconds > 0:
        words = generator.randint(*(LONG_WORDS if generator.random() < LONG_SHARE else SHORT_WORDS))
        address = f"10.{generator.randrange(256)}.{generator.randrange(256)}.{generator.randrange(1, 255)}"
        requests.append(replace(ttscope_stream_request(reader.take(words)), client=address))
        audio_seconds -= words * SECONDS_PER_WORD
    return requests
