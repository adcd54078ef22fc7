"""The section of growth in the results: two tables, a plot of two panels, and a promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine
from bench.results.plot import Series, lines

PLOT = "growth.png"
SHORT, LONG = 20, 400
"""The numbers of words between which time to first audio is promised to stay flat."""
HEAD = ("first audio p50 s", "p95 s", "latency p50 s", "p95 s", "requests/s", "answered", "failed")


@dataclass(frozen=True, slots=True)
class Point:
    """The figures of one text length, or of one number of clients; times are in seconds."""

    x: int
    answered: int
    failures: int
    first_audio_p50: float
    first_audio_p95: float
    latency_p50: float
    latency_p95: float
    requests_per_second: float

    def row(self) -> tuple[str, ...]:
        """Returns the cells of its row."""
        times = (self.first_audio_p50, self.first_audio_p95, self.latency_p50, self.latency_p95)
        figures = map(number, (*times, self.requests_per_second))
        return str(self.x), *figures, str(self.answered), str(self.failures)


def render(by_words: Sequence[Point], by_clients: Sequence[Point], client_words: int, machine: Machine) -> str:
    """Returns the section as Markdown, and draws its plot."""
    lines(
        PLOT,
        {
            ("words, one client", "seconds"): series(by_words),
            (f"clients, {client_words} words each", "seconds"): series(by_clients),
        },
    )
    parts = [
        "## Growth with length, and with clients",
        f'{machine.describe()} Ours alone, every request with `"stream": true`; '
        "texts of all lengths begin with the same sentences.",
        promise_table([flatness(by_words)]),
        f"![Time to first audio and latency by words, and by clients]({PLOT})",
        f"### By length of the text, one client\n\n{points_table('words', by_words)}",
        f"### By clients, {client_words} words each\n\n{points_table('clients', by_clients)}",
    ]
    return "\n\n".join(parts)


def points_table(x: str, points: Sequence[Point]) -> str:
    """Returns a table with a row for each point."""
    return table((x, *HEAD), [point.row() for point in points])


def flatness(by_words: Sequence[Point]) -> Promise:
    """Returns the promise about the time to first audio of a long text relative to a short one."""
    first_audio = {point.x: point.first_audio_p50 for point in by_words}
    text = f"first audio of {LONG} words, against {SHORT} words"
    return Promise(text, first_audio[LONG] / first_audio[SHORT], "x", at_most=1.3)


def series(points: Sequence[Point]) -> list[Series]:
    """Returns the lines of time to first audio and of latency."""

    def line(name: str, value: Callable[[Point], float]) -> Series:
        return Series(name, [point.x for point in points], [value(point) for point in points])

    return [
        line("time to first audio, p50", lambda point: point.first_audio_p50),
        line("latency, p50", lambda point: point.latency_p50),
    ]
