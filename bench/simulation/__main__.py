"""``python -m bench.simulation``: simulates a fleet of servers, and checks the simulation against real servers.

Without an option it simulates one fleet and prints its figures.

Measure on a quiet machine: --check and --measure take the machine's speed at that moment as the engine's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.simulation import accuracy_section, scale
from bench.simulation.accuracy import LOADS, Comparison, capacity, compare, measured_fleets
from bench.simulation.door_measurement import measure_door
from bench.simulation.fleet import Fleet, simulate
from bench.simulation.step_measurement import measure_steps
from bench.simulation.step_times import FILE, StepTimes
from bench.simulation.workload import Mix
from bench.targets.contenders import MissingError


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """How long each load is sent, and how often steps are measured."""

    seconds: float
    rounds: int


FULL, QUICK = CheckPlan(150.0, 8), CheckPlan(20.0, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when all was measured, and every error of a check is within its bound."""
    options = parsed(arguments)
    plan = QUICK if options.quick else FULL
    try:
        if options.measure or options.check:
            measure(plan)
        if options.check:
            return check(plan, StepTimes.read())
        if options.scale:
            simulate_fleets(StepTimes.read(), options.scale)
        elif not options.measure:
            simulate_one(StepTimes.read(), options.replicas, options.load, options.seconds)
    except MissingError as error:
        print(error)
        return 1
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--check", action="store_true", help="measure steps, then compare with real servers (an hour)")
    parser.add_argument("--measure", action="store_true", help="only measure the steps of the engine")
    parser.add_argument("--quick", action="store_true", help="20 seconds for each load instead of 150")
    parser.add_argument(
        "--scale", type=int, nargs="*", choices=scale.SIZES, help="simulate so many servers, by default 1 to 1,000"
    )
    parser.add_argument("--replicas", type=int, default=1, help="servers of one simulation (default %(default)s)")
    parser.add_argument("--load", type=float, default=0.7, help="share of what they can make (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds of arrivals (default %(default)s)")
    options = parser.parse_args(arguments)
    if options.scale == []:
        options.scale = list(scale.SIZES)
    return options


def measure(plan: CheckPlan) -> None:
    """Measures the steps and the door, and writes the file."""
    times = asyncio.run(measure_steps(plan.rounds))
    cost = asyncio.run(measure_door(times, requests=10 * plan.rounds))
    replace(times, door=cost.request, door_audio=cost.audio_second).write()
    print(f"written: {FILE}")


def check(plan: CheckPlan, times: StepTimes) -> int:
    """Compares, and writes the section after each fleet. Returns 0 when every error is within its bound."""
    comparisons: list[Comparison] = []
    averages = []
    for fleet in measured_fleets(times.cores):
        averages.append(os.getloadavg()[0])
        group = compare(times, fleet, LOADS, plan.seconds)
        if fleet.real_voice:
            replace(times, latency=group[0].calibration.latency).write()
        comparisons += group
        print(fleet.title, accuracy_section.rows(group), sep="\n")
        write_section("simulation", accuracy_section.render(comparisons, this_machine(), averages))
    print(f"written: {RESULTS}")
    return int(any(abs(error) > accuracy_section.MOST_ERROR for each in comparisons for error in each.errors))


def simulate_fleets(times: StepTimes, sizes: Sequence[int]) -> None:
    """Simulates fleets, and writes the section."""
    rows = []
    for row in scale.simulate_scale(times, sizes):
        print(*row.cells(), flush=True)
        rows.append(row)
    write_section("scale", scale.render(rows, times))
    print(f"written: {RESULTS}")


def simulate_one(times: StepTimes, replicas: int, load: float, seconds: float) -> None:
    """Simulates one fleet, and prints its figures."""
    mix, fleet = Mix.usual(), Fleet(times, replicas)
    rate = load * capacity(Fleet(times), mix) * replicas
    run = simulate(fleet, mix.arrivals(rate, seconds, seed=1))
    print(
        f"{len(run.replies)} requests, {rate:.2f} a second; the engines were busy for {run.busy_share:.0%} of the time"
    )
    for name, figure in (("first audio", run.first_audio), ("total", run.total)):
        print(f"{name:12} p50 {figure(0.5):.3f} s  p95 {figure(0.95):.3f} s")
    print(f"answered {len(run.answered())}, refused or failed {len(run.replies) - len(run.answered())}")


if __name__ == "__main__":
    sys.exit(main())
