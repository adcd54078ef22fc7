"""Simulates fleets of 1 to 1,000 servers, each way of routing with the same arrivals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from bench.results.file import number, table
from bench.simulation.accuracy import capacity
from bench.simulation.fleet import Fleet, FleetRun, simulate
from bench.simulation.step_times import StepTimes
from bench.simulation.workload import Mix
from bench.targets.routed_servers import Policy

POLICIES = (
    Policy("roundrobin", weighted=False),
    Policy("leastconn", weighted=True),
    Policy("random(2)", weighted=True),
)
SIZES = {1: 600.0, 10: 90.0, 100: 30.0, 1000: 15.0}
"""The seconds of arrivals for each number of servers: enough requests for a 99th percentile."""
USED_SHARES = {1: (0.5, 0.7, 0.9), 10: (0.5, 0.7, 0.9), 100: (0.5, 0.7, 0.9), 1000: (0.7,)}
"""The shares of what the servers can make that are requested."""
SETTLING_SHARE = 0.2
"""The share of the time, at its beginning, whose requests do not count: the servers begin empty."""


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """One simulated fleet."""

    used_share: float
    rate: float
    """Requests a second."""
    fleet: Fleet
    run: FleetRun
    since: float
    """When its requests begin to count."""

    def cells(self) -> tuple[str, ...]:
        """Returns the row of the table."""
        refused = sum(reply.status != 200 for reply in self.run.replies if reply.start >= self.since)
        return (
            f"{self.fleet.replicas:,}",
            f"{self.used_share:.0%}",
            f"{3600 * self.rate:,.0f}",
            f"`{self.fleet.policy.balance}`{', weights' if self.fleet.policy.weighted else ''}",
            *(number(self.run.first_audio(share, self.since)) for share in (0.5, 0.95, 0.99)),
            number(self.run.total(0.95, self.since)),
            str(len(self.run.answered(self.since))),
            str(refused),
        )


def simulate_scale(times: StepTimes, sizes: Sequence[int]) -> Iterator[ScaleRow]:
    """Yields a row for each number of servers, share and way of routing."""
    mix = Mix.usual()
    mix = replace(mix, streamed_share=1.0)
    most = capacity(Fleet(times), mix)
    shared = [(replicas, share) for replicas in sizes for share in USED_SHARES[replicas]]
    for (replicas, share), policy in product(shared, POLICIES):
        rate, seconds = share * most * replicas, SIZES[replicas]
        fleet = Fleet(times, replicas, policy)
        run = simulate(fleet, mix.arrivals(rate, seconds, seed=replicas))
        yield ScaleRow(share, rate, fleet, run, SETTLING_SHARE * seconds)


def render(rows: Sequence[ScaleRow], times: StepTimes) -> str:
    """Returns the section as Markdown."""
    head = (
        "servers",
        "used",
        "requests/h",
        "balance",
        "first audio p50 s",
        "p95 s",
        "p99 s",
        "total p95 s",
        "answered",
        "refused",
    )
    return "\n\n".join(
        [
            "## Simulated fleets",
            f"Simulated with the step times of bench/results/step_times.json ({times.machine}), {times.cores} cores a "
            "server. All requests are streams, a fifth of them of 60 to 120 words, the others of 4 to 14. `used` is "
            "the share of what the servers can make. The first fifth of the time does not count.",
            table(head, [row.cells() for row in rows]),
        ]
    )
