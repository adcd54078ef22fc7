"""The display of a run: a progress bar and live metrics on a terminal, or a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from bench.clients.client import Record
from bench.clients.texts import WORD_RANGES
from bench.targets.snapshot import Snapshot

LINE_SECONDS = 5.0


class Display:
    """Shows the records so far beside the server's metrics; a context manager."""

    def __init__(self, console: Console, total: int, before: Snapshot) -> None:
        self._console = console
        self._before = before
        self._server = before.since(before)
        self._records: list[Record] = []
        self._started = self._last_line = time.monotonic()
        self._progress = Progress(
            TextColumn("requests"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("requests", total=total)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def add(self, record: Record) -> None:
        """Adds a finished request; without a terminal, prints a line every LINE_SECONDS."""
        self._records.append(record)
        self._progress.advance(self._task)
        time_now = time.monotonic()
        if not self._console.is_terminal and time_now - self._last_line >= LINE_SECONDS:
            self._last_line = time_now
            self._console.print(self._line())

    def update(self, snapshot: Snapshot) -> None:
        """Updates the server's metrics."""
        self._server = snapshot.since(self._before)

    def _line(self) -> str:
        task = self._progress.tasks[0]
        outcomes = Counter(record.outcome for record in self._records)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        seconds = time.monotonic() - self._started
        return f"{seconds:6.1f} s  {len(self._records)} of {task.total:.0f} requests: {counts}; {self._speed()}"

    def _speed(self) -> str:
        audio = sum(record.audio_seconds or 0.0 for record in self._records)
        seconds = max(time.monotonic() - self._started, 0.001)
        return f"{len(self._records) / seconds:.1f} requests/s, {audio / seconds:.1f} s of audio/s"

    def _render(self) -> Group:
        table = Table(title=f"live metrics: {self._speed()}", title_justify="left")
        for name in ("words", "requests", "average, s", "p95, s", "max, s", "server's average, s"):
            table.add_column(name, justify="right")
        for label in WORD_RANGES:
            seconds = [
                record.seconds for record in self._records if record.outcome == "ok" and record.word_range == label
            ]
            server = self._server.words.get(label)
            table.add_row(label, str(len(seconds)), *figures(seconds), number(server.average if server else None))
        return Group(self._progress, table)


def figures(seconds: Sequence[float]) -> tuple[str, str, str]:
    """Returns average, p95 and maximum of some durations as text."""
    if not seconds:
        return "-", "-", "-"
    ordered = sorted(seconds)
    return (
        number(sum(ordered) / len(ordered)),
        number(ordered[int(0.95 * (len(ordered) - 1))]),
        number(ordered[-1]),
    )


def number(seconds: float | None) -> str:
    """Returns seconds as text; a dash for None."""
    return "-" if seconds is None else f"{seconds:.3f}"
