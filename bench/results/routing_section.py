"""The section of routing in the results: time to first audio by the way in which haproxy shares requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.figures import percentile
from bench.results.file import number, table
from bench.results.machine import Machine
from bench.targets.haproxy import Policy


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What one way of sharing came to, all rounds together."""

    policy: Policy
    first_audio: tuple[float, ...]
    """The time to first audio of each answer, in seconds."""
    failures: int
    requests: tuple[int, ...]
    """The number of requests by server."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A skewed load, in words, and its results."""

    title: str
    description: str
    results: tuple[PolicyResult, ...]


def render(scenarios: Sequence[Scenario], machine: Machine, load: Sequence[float]) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before each scenario."""
    loads = ", ".join(f"{average:.1f}" for average in load)
    parts = [
        "## Routing by load",
        f"{machine.describe()} haproxy with deploy/routing/haproxy.cfg, whose `balance` and agent check are exchanged; "
        "the ways take turns with the same requests, all of them streams, sent at a fixed rate whatever the answers. "
        f"Clients, haproxy and servers share the machine. Load average before each table: {loads}.",
    ]
    for scenario in scenarios:
        parts += [f"### {scenario.title}", scenario.description, results_table(scenario.results)]
    return "\n\n".join(parts)


def results_table(results: Sequence[PolicyResult]) -> str:
    """Returns a table with a row for each way."""
    head = ("balance", "agent check", "first audio p50 s", "p95 s", "p99 s", "answered", "failed", "requests by server")
    rows = [
        (
            f"`{result.policy.balance}`",
            "yes" if result.policy.weighted else "no",
            *(number(percentile(result.first_audio, share)) for share in (0.5, 0.95, 0.99)),
            str(len(result.first_audio)),
            str(result.failures),
            " ".join(map(str, result.requests)),
        )
        for result in results
    ]
    return table(head, rows)
