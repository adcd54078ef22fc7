"""The section of results that compares the simulation with measurements."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine
from bench.simulation.accuracy import SEEDS, Comparison, RunFigures

MOST_ERROR = 0.2
FIGURES = ("words/s", "first audio p50 s", "p95 s", "total p50 s", "p95 s")


def render(comparisons: Sequence[Comparison], machine: Machine, load: Sequence[float]) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before each group of rows."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.fleet.title, []).append(comparison)
    parts = [
        "## Simulation against measurement",
        f"{machine.describe()} The same arrivals (a Poisson process, a fifth of them whole answers, a fifth of the "
        "texts long), at five shares of what the servers can make: once sent to real servers behind a real haproxy "
        f"with deploy/routing/haproxy.cfg, and simulated {SEEDS} times, of which the median counts. In each cell: "
        "simulated / measured. Servers with a timed engine are real servers (HTTP, admission, scheduler, telemetry) "
        "whose engine sleeps as long as a step was measured to take, so that several fit on this machine. Besides the "
        "step times the simulation is given two measured figures: the latency of router, network and wake-ups, by "
        "requests that are alone, and for the real voice how much slower the machine was than when its steps were "
        "measured, by the time that the engine worked.",
        promise_table([promise(title, group) for title, group in groups.items()]),
    ]
    for (title, group), average in zip(groups.items(), load, strict=True):
        parts += [f"### {title[0].upper()}{title[1:]}", f"Load average before: {average:.1f}.", rows(group)]
    return "\n\n".join(parts)


def promise(title: str, group: Sequence[Comparison]) -> Promise:
    """Returns the bound on the largest error of a group."""
    worst = max(abs(error) for comparison in group for error in comparison.errors)
    return Promise(f"largest error, {title}", 100 * worst, " %", at_most=100 * MOST_ERROR)


def rows(group: Sequence[Comparison]) -> str:
    """Returns a table with a row for each load."""
    head = ("load", "requests/s", "requests", "answered", "latency ms", "slower", *FIGURES, "largest error")
    return table(
        head,
        [
            (
                f"{each.load:.0%}",
                number(each.rate),
                str(each.requests),
                str(each.answered),
                f"{1e3 * each.calibration.latency.first_audio:.0f} + {1e3 * each.calibration.latency.end:.0f}",
                f"{each.calibration.slowness:.2f}",
                *cells(each.simulated, each.measured),
                f"{max(each.errors, key=abs):+.0%}",
            )
            for each in group
        ],
    )


def cells(simulated: RunFigures, measured: RunFigures) -> list[str]:
    """Returns both values of each figure."""
    return [
        f"{number(own)} / {number(other)}" for own, other in zip(simulated.values(), measured.values(), strict=True)
    ]
