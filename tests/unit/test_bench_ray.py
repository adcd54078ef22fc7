"""The measurement of replicas in a Ray cluster: what it starts, and how it judges."""

from __future__ import annotations

from bench.ray import CORES, programs
from bench.results.machine import this_machine
from bench.results.ray_section import ALONE, ONE_REPLICA, TWO_REPLICAS, RayRound, render


def section(alone: RayRound, one: RayRound, two: RayRound) -> str:
    return render({ALONE: [alone] * 2, ONE_REPLICA: [one] * 2, TWO_REPLICAS: [two] * 2}, 8, this_machine(), 0.1)


def test_each_replica_has_a_core_of_its_own_and_the_server_alone_has_one() -> None:
    commands = {name: program.command for name, program in programs().items()}
    assert commands[ALONE][:3] == ("taskset", "-c", str(CORES[0]))
    assert commands[ONE_REPLICA][-2:] == ("--cores", str(CORES[0]))
    assert commands[TWO_REPLICAS][-2:] == ("--cores", ",".join(map(str, CORES)))
    assert all(program.environment["TTSCOPE_CACHE_BYTES"] == "0" for program in programs().values())


def test_promises_are_kept_at_their_bounds_and_missed_beyond() -> None:
    kept = section(RayRound(20.0, 0.100, 0), RayRound(18.0, 0.115, 0), RayRound(28.8, 0.115, 0))
    assert kept.count("kept") == 3
    missed = section(RayRound(20.0, 0.100, 0), RayRound(17.9, 0.116, 1), RayRound(28.6, 0.115, 0))
    assert missed.count("missed") == 3
    assert "| 1 replica    |" in missed
