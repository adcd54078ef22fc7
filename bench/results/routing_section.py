"""The sections of routing in the results: time to first audio by the way in which a router shares requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.figures import percentile
from bench.results.file import number, table
from bench.results.machine import Machine
from bench.targets.routed_servers import PolicyResult


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
        parts += [f"### {scenario.title}", scenario.description, results_table(scenario.results, "agent check")]
    return "\n\n".join(parts)


def render_reports(scenario: Scenario, machine: Machine, load: float) -> str:
    """Returns the section of load reports as Markdown; ``load`` is the load average of the machine before it."""
    parts = [
        "## Load reports",
        f"{machine.describe()} Envoy with deploy/routing/envoy.yaml, whose policy is exchanged and whose blackout "
        "period is 1 s; the ways take turns with the same requests, all of them streams, sent at a fixed rate whatever "
        f"the answers. Clients, Envoy and servers share the machine. Load average before it: {load:.1f}.",
        f"### {scenario.title}",
        scenario.description,
        results_table(scenario.results, "load reports"),
    ]
    return "\n\n".join(parts)


def results_table(results: Sequence[PolicyResult], weights: str) -> str:
    """Returns a table with a row for each way; ``weights`` names what sets the weights."""
    head = ("balance", weights, "first audio p50 s", "p95 s", "p99 s", "answered", "failed", "requests by server")
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
