"""How long the drift job takes over a day of ten million events, and in how much memory: its section of RESULTS.md.

A day is 24 GB of JSON, so it is written an hour at a time, taken, its window read, and deleted. One process takes all
of the hours, as the scheduled job does; nothing is written meanwhile, and only its own time counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO

import psutil

from bench.drift_events import hourly, write_hour
from bench.results.file import RESULTS, Promise, number, promises, table, write_section
from bench.results.machine import Machine, this_machine
from bench.targets.process import ROOT, resident

EVENTS = 10_000_000
MINUTES, GIGABYTES = 10.0, 2.0
PACKAGES = ("msgspec", "pyarrow", "duckdb", "pandas")
HEAD = ("hour", "events", "MB of JSON", "seconds", "events/s")


@dataclass(frozen=True, slots=True)
class Hour:
    """What it took to take an hour's events and to read its window."""

    start: datetime
    events: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    """All hours, and what the process took."""

    hours: tuple[Hour, ...]
    cpu_seconds: float
    peak_bytes: int
    stored_bytes: int

    @property
    def seconds(self) -> float:
        """Of the job, not of writing the events."""
        return sum(hour.seconds for hour in self.hours)

    @property
    def events(self) -> int:
        """Copies too."""
        return sum(hour.events for hour in self.hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, 0 when the day was taken as promised."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="of the day; results are written of 10 million only")
    options = parser.parse_args(arguments)
    day = measure(options.events)
    kept = promised(day)
    print(promises(kept))
    if options.events == EVENTS:
        write_section("drift", render(day, this_machine()))
        print(f"written: {RESULTS}")
    return 0 if all(promise.kept for promise in kept) else 1


def measure(events: int) -> Day:
    """A day that ended at the last whole hour, since events of the future are not taken."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as name:
        inbox, rows = Path(name) / "events", Path(name) / "rows"
        inbox.mkdir()
        command = [sys.executable, "-m", "drift.rows", str(rows), str(inbox), "--again"]
        with psutil.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as job:
            hours = []
            for place, count in enumerate(hourly(events)):
                start = end - timedelta(hours=24 - place)
                hours.append(take(job.stdin, job.stdout, inbox, start, count))
                print(*row(hours[-1]), flush=True)
            memory, cpu = resident(job.pid), job.cpu_times()
            job.stdin.close()
            job.wait()
        stored = sum(path.stat().st_size for path in rows.rglob("*.parquet"))
    return Day(tuple(hours), cpu.user + cpu.system, memory.peak if memory else 0, stored)


def take(ask: IO[str], answer: IO[str], inbox: Path, start: datetime, count: int) -> Hour:
    """Writes an hour's events and has them taken. Leaves the command if a row is missing or there is one too many."""
    copies = write_hour(inbox, start, count, seed=start.hour)
    begun = time.perf_counter()
    ask.write("\n")
    ask.flush()
    said = json.loads(answer.readline() or "{}")
    seconds = time.perf_counter() - begun
    window = said.get("windows", {}).get(start.isoformat(), {})
    if (window.get("rows"), window.get("duplicates"), said.get("problems")) != (count, copies, {}):
        raise SystemExit(f"{count} events and {copies} copies were written, and the job says {said}")
    shutil.rmtree(inbox)
    inbox.mkdir()
    return Hour(start, count + copies, said["bytes"], seconds)


def promised(day: Day) -> list[Promise]:
    """What DESIGN and the issue ask for."""
    of = f"a day of {day.events:,} events"
    return [
        Promise(f"{of}: taken, stored, windows read", day.seconds / 60, " min", at_most=MINUTES),
        Promise(f"{of}: peak of resident memory", day.peak_bytes / 1e9, " GB", at_most=GIGABYTES),
    ]


def render(day: Day, machine: Machine) -> str:
    """The section as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    size = sum(hour.bytes for hour in day.hours)
    parts = [
        "## Scale of the drift job",
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB; {packages}. "
        f"Events are made up, in our server's own form ({size / day.events / 1000:.1f} kB each, 512 a line, some "
        "delivered twice). One process takes each hour's files and reads that hour's window; only its time counts.",
        promises(promised(day)),
        f"{day.events:,} events, {size / 1e9:.1f} GB of JSON, in {day.seconds:.0f} s: "
        f"{number(day.events / day.seconds)} events/s, {day.cpu_seconds:.0f} s of processor time. "
        f"Stored: {day.stored_bytes / 1e9:.2f} GB of Parquet, {day.stored_bytes / day.events:.0f} bytes an event.",
        table(HEAD, [row(hour) for hour in day.hours]),
    ]
    return "\n\n".join(parts)


def row(hour: Hour) -> tuple[str, ...]:
    """Cells of the table."""
    speed = number(hour.events / hour.seconds)
    return f"{hour.start:%H}", str(hour.events), number(hour.bytes / 1e6), number(hour.seconds), speed


if __name__ == "__main__":
    sys.exit(main())
