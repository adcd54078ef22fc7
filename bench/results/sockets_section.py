"""The section of sockets in the results: first audio of texts in pieces, and interruptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.figures import median, paired_ratio, percentile
from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine

MOST_TIMES = 1.3
"""The most first audio of a text in pieces, as a multiple of that of a whole call with its first clause."""
MOST_CLEAR = 0.05
"""The most seconds until an interruption has freed the engine."""


@dataclass(frozen=True, slots=True)
class SocketsRound:
    """The figures of one round, in seconds."""

    sessions: int
    """So many at once."""
    whole: float
    """The median first audio of whole calls."""
    in_pieces: float
    """The median first audio of texts in pieces."""
    interruptions: tuple[float, ...]
    """The time of each interruption."""


def render(rounds: Sequence[SocketsRound], machine: Machine, load: float) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before it."""
    groups = {each.sessions: [other for other in rounds if other.sessions == each.sessions] for each in rounds}
    promises, rows = [], []
    for sessions, group in groups.items():
        whole, in_pieces = [each.whole for each in group], [each.in_pieces for each in group]
        clears = [seconds for each in group for seconds in each.interruptions]
        title = f"{sessions} session{'s' * (sessions > 1)}"
        ratio = paired_ratio(in_pieces, whole)
        promises.append(Promise(f"first audio in pieces against a whole call, {title}", ratio, "x", at_most=MOST_TIMES))
        promises.append(Promise(f"interruption p50, {title}", 1e3 * median(clears), " ms", at_most=1e3 * MOST_CLEAR))
        figures = (median(whole), median(in_pieces), median(clears), percentile(clears, 0.95), max(clears))
        rows.append((title, *(number(1e3 * figure) for figure in figures)))
    head = ("", "whole call ms", "in pieces ms", "interruption p50 ms", "p95 ms", "longest ms")
    return "\n\n".join(
        [
            "## Texts in pieces",
            f"{machine.describe()} Load average before: {load:.1f}. First audio (median) of a text that is sent word "
            "by word over a socket, from the word after its first clause, and of a streamed call with that clause, in "
            "turns, with the default voice. Interruption: from a Clear amid speech until the server answers that the "
            "engine is free of it; a step of the engine that runs is not cut off.",
            promise_table(promises),
            table(head, rows),
        ]
    )
