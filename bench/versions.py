"""Compares the stages of a request between this checkout and another one: both servers take turns."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.clients.client import DURATION
from bench.targets.process import ROOT, Program, ServerProcess, running, ttscope

TEXTS = {
    "9 words": {"text": "The quick brown fox jumps over the lazy dog."},
    "80 words, mp3": {
        "text": "The quick brown fox jumps over the lazy dog near the river bank. " * 6 + "So it ends here.",
        "response_format": "mp3",
    },
}


@dataclass(slots=True)
class Version:
    """One checkout's server, and the milliseconds of each stage in each of its answers."""

    name: str
    server: ServerProcess
    stages: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.versions", description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout's folder; it uses this one's Python and voices")
    parser.add_argument("--rounds", type=int, default=100, help="requests of each kind to each (default %(default)s)")
    options = parser.parse_args(arguments)
    return asyncio.run(run(options.other, options.rounds))


async def run(other: Path, rounds: int) -> int:
    """Measures, and prints the medians."""
    async with (
        running(ttscope()) as this_server,
        running(_program_of(other)) as other_server,
        aiohttp.ClientSession() as session,
    ):
        this_version, other_version = Version("here", this_server), Version("there", other_server)
        for number in range(-3, rounds):  # the first turns warm up and do not count
            for kind, body in TEXTS.items():
                for version in (this_version, other_version) if number % 2 else (other_version, this_version):
                    await _send(session, version, kind, body, is_counted=number >= 0)
    _report(this_version, other_version)
    return 0


def _program_of(checkout: Path) -> Program:
    """Returns the program of a server with the code of another checkout."""
    start = f"import os, sys; os.chdir({str(checkout)!r}); os.execv(sys.executable, [sys.executable, '-m', 'server'])"
    program = ttscope(PYTHONPATH=str(checkout))
    return Program("other", (sys.executable, "-c", start), program.ready_path, program.environment)


async def _send(
    session: aiohttp.ClientSession, version: Version, kind: str, body: dict[str, str], is_counted: bool
) -> None:
    async with session.post(f"{version.server.url}/tts", json=body) as response:
        await response.read()
        if response.status != 200:
            raise SystemExit(f"the server {version.name} answered {response.status}")
        if is_counted:
            for stage, milliseconds in DURATION.findall(response.headers["Server-Timing"]):
                version.stages[kind, stage].append(float(milliseconds))


def _report(this_version: Version, other_version: Version) -> None:
    print(f"medians in ms; here: {ROOT.name}")
    print(f"{'':16}{'stage':>12}{'there':>10}{'here':>10}{'difference':>12}")
    for kind, stage in this_version.stages:
        before, after = other_version.stages[kind, stage], this_version.stages[kind, stage]
        if before and after:
            old, new = statistics.median(before), statistics.median(after)
            print(f"{kind:16}{stage:>12}{old:10.3f}{new:10.3f}{new - old:+12.3f}")


if __name__ == "__main__":
    sys.exit(main())
