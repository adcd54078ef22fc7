"""Measures the time and the memory of the drift job for a day of ten million events; writes its section of RESULTS.md.

A day is 24 GB of JSON, so each hour is written, ingested, its window read, and deleted. One process ingests all hours,
as the scheduled job does; nothing is written meanwhile, and only the time of the job counts.
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

from bench.drift_events import hourly_requests, write_hour
from bench.results.file import RESULTS, Promise, number, promise_table, table, write_section
from bench.results.machine import Machine, this_machine
from bench.targets.process import ROOT, resident_memory

EVENTS = 10_000_000
MINUTES, GIGABYTES = 10.0, 2.0
PACKAGES = ("msgspec", "pyarrow", "duckdb", "pandas")
HEAD = ("hour", "events", "MB of JSON", "seconds", "events/s")


@dataclass(frozen=True, slots=True)
class Hour:
    """The figures of ingesting an hour's events and of reading its window."""

    start: datetime
    events: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    """All hours, and the processor time and memory of the process."""

    hours: tuple[Hour, ...]
    cpu_seconds: float
    peak_bytes: int
    stored_bytes: int

    @property
    def seconds(self) -> float:
        """The seconds of the job, without writing the events."""
        return sum(hour.seconds for hour in self.hours)

    @property
    def events(self) -> int:
        """The number of events, including copies."""
        return sum(hour.events for hour in self.hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the promises are kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="of the day; results are written of 10 million only")
    options = parser.parse_args(arguments)
    day = measure(options.events)
    day_promises = drift_promises(day)
    print(promise_table(day_promises))
    if options.events == EVENTS:
        write_section("drift", render(day, this_machine()))
        print(f"written: {RESULTS}")
    return 0 if all(promise.is_met for promise in day_promises) else 1


def measure(events: int) -> Day:
    """Measures a day that ended at the last whole hour, since the job rejects events from the future."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as name:
        inbox, rows = Path(name) / "events", Path(name) / "rows"
        inbox.mkdir()
        command = [sys.executable, "-m", "drift.rows", str(rows), str(inbox), "--again"]
        with psutil.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as job:
            hours = []
            for number, count in enumerate(hourly_requests(events)):
                start = end - timedelta(hours=24 - number)
                hours.append(ingest(job.stdin, job.stdout, inbox, start, count))
                print(*row(hours[-1]), flush=True)
            memory, cpu = resident_memory(job.pid), job.cpu_times()
            job.stdin.close()
            job.wait()
        stored = sum(path.stat().st_size for path in rows.rglob("*.parquet"))
    return Day(tuple(hours), cpu.user + cpu.system, memory.peak if memory else 0, stored)


def ingest(stdin: IO[str], stdout: IO[str], inbox: Path, start: datetime, count: int) -> Hour:
    """Writes an hour's events and lets the job ingest them. Raises SystemExit if the number of rows is wrong."""
    copies = write_hour(inbox, start, count, seed=start.hour)
    clock_start = time.perf_counter()
    stdin.write("\n")
    stdin.flush()
    report = json.loads(stdout.readline() or "{}")
    seconds = time.perf_counter() - clock_start
    window = report.get("windows", {}).get(start.isoformat(), {})
    if (window.get("rows"), window.get("duplicates"), report.get("problems")) != (count, copies, {}):
        raise SystemExit(f"{count} events and {copies} copies were written, and the job says {report}")
    shutil.rmtree(inbox)
    inbox.mkdir()
    return Hour(start, count + copies, report["bytes"], seconds)


def drift_promises(day: Day) -> list[Promise]:
    """Returns the promises about time and memory."""
    subject = f"a day of {day.events:,} events"
    return [
        Promise(f"{subject}: taken, stored, windows read", day.seconds / 60, " min", at_most=MINUTES),
        Promise(f"{subject}: peak of resident memory", day.peak_bytes / 1e9, " GB", at_most=GIGABYTES),
    ]


def render(day: Day, machine: Machine) -> str:
    """Returns the section as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    size = sum(hour.bytes for hour in day.hours)
    parts = [
        "## Scale of the drift job",
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB; {packages}. "
        f"Events are made up, in our server's own form ({size / day.events / 1000:.1f} kB each, 512 a line, some "
        "delivered twice). One process takes each hour's files and reads that hour's window; only its time counts.",
        promise_table(drift_promises(day)),
        f"{day.events:,} events, {size / 1e9:.1f} GB of JSON, in {day.seconds:.0f} s: "
        f"{number(day.events / day.seconds)} events/s, {day.cpu_seconds:.0f} s of processor time. "
        f"Stored: {day.stored_bytes / 1e9:.2f} GB of Parquet, {day.stored_bytes / day.events:.0f} bytes an event.",
        table(HEAD, [row(hour) for hour in day.hours]),
    ]
    return "\n\n".join(parts)


def row(hour: Hour) -> tuple[str, ...]:
    """Returns the cells of an hour's row."""
    speed = number(hour.events / hour.seconds)
    return f"{hour.start:%H}", str(hour.events), number(hour.bytes / 1e6), number(hour.seconds), speed


if __name__ == "__main__":
    sys.exit(main())
