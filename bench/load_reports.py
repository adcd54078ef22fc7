"""Measures time to first audio behind Envoy with and without load reports; writes its section of RESULTS.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.routing_section import Scenario, render_reports
from bench.targets.contenders import MissingError
from bench.targets.envoy import BY_REPORTS, routed_by_envoy
from bench.targets.routed_servers import FULL, QUICK, Policy, RoutingPlan, humming, servers, take_turns

POLICIES = (
    Policy("round_robin", weighted=False),
    Policy("least_request", weighted=False),
    Policy(BY_REPORTS, weighted=True),
)
SPEEDS = (10.0, 30.0, 30.0)
"""Seconds of audio a second of each server."""
USED_SHARE = 0.7
"""The share of what all servers together can make that is requested."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.load_reports", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one turn of 20 seconds each instead of two of 40")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(QUICK if options.quick else FULL))
    except MissingError as error:
        print(error)
        return 1
    return 0


async def run(plan: RoutingPlan) -> None:
    """Measures, and writes the section."""
    load = os.getloadavg()[0]
    async with servers([humming(speed) for speed in SPEEDS]) as group:
        results = await take_turns(group, routed_by_envoy, POLICIES, USED_SHARE * sum(SPEEDS), plan)
    scenario = Scenario(
        "One server is slower",
        f"Three servers that hum at a set speed: {' '.join(f'{speed:g}' for speed in SPEEDS)} s of audio a second. "
        f"{USED_SHARE:.0%} of what they can make together is requested.",
        results,
    )
    write_section("reports", render_reports(scenario, this_machine(), load))
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    sys.exit(main())
