"""``python -m stack.build [PROGRAM...]``: builds what is not in the cache yet."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from stack import cache
from stack.environment import inherited
from stack.programs import CGO, PROGRAMS, Program
from stack.toolchain import Go, NoGoError, find

REPORT_SECONDS = 15.0
TAIL_LINES = 30

Say = Callable[[str], None]


class BuildError(Exception):
    """Go could not build a program; the message ends with its last output."""


def build(programs: Collection[Program], say: Say) -> dict[str, Path]:
    """The path of every binary, by its name, after building what is missing. Raises NoGoError and BuildError."""
    go = find()
    missing = [program for program in programs if not cache.is_built(program, go)]
    for number, program in enumerate(missing, 1):
        say(f"{program.name}: building, {number} of {len(missing)}; about {program.minutes} minutes without any cache")
        begun = time.monotonic()
        with cache.filling(cache.folder(program, go)) as folder:
            _compile(program, go, folder, say)
            cache.record(folder)
        say(f"{program.name}: built in {time.monotonic() - begun:.0f} s")
    folders = {program: cache.folder(program, go) for program in programs}
    for folder in folders.values():
        _verify(folder)
    return {name: folder / name for program, folder in folders.items() for name in program.binaries}


def _verify(folder: Path) -> None:
    """Raises BuildError if a binary changed since its build. A folder without checksums gets them first."""
    if not (folder / cache.SUMS).exists():
        cache.record(folder)
    if names := cache.changed(folder):
        raise BuildError(f"{', '.join(names)} in {folder} changed since the build; delete that folder to build anew")


def _compile(program: Program, go: Go, folder: Path, say: Say) -> None:
    process = subprocess.Popen(  # noqa: S603 - the command is ours
        [go.command, "build", "-v", *program.flags, "-o", f"{folder}{os.sep}", *program.packages],
        cwd=program.folder,
        env={**inherited(), "CGO_ENABLED": CGO},
        stderr=subprocess.PIPE,
        text=True,
    )
    progress = _Progress(process)
    try:
        while progress.is_running(REPORT_SECONDS):
            say(f"{program.name}: {progress}")
    except BaseException:
        process.kill()
        raise
    if process.wait() != 0:
        raise BuildError("\n".join([f"{program.name} could not be built:", *progress.tail]))


class _Progress:
    """Reads what ``go build -v`` writes: a line for each module that is fetched, then one for each package compiled."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._begun = time.monotonic()
        self._fetched = 0
        self._compiled = 0
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def is_running(self, seconds: float) -> bool:
        """Waits up to ``seconds`` for the end; returns whether the build still runs."""
        self._reader.join(seconds)
        return self._reader.is_alive()

    def __str__(self) -> str:
        seconds = time.monotonic() - self._begun
        return f"{self._fetched} modules fetched, {self._compiled} packages compiled, {seconds:.0f} s"

    def _read(self) -> None:
        for line in self._process.stderr or ():
            if line.startswith("go: downloading "):
                self._fetched += 1
            else:
                self._compiled += 1
                self.tail.append(line.rstrip())


def main() -> int:
    """Returns the exit code: 1 if a program could not be built."""
    parser = argparse.ArgumentParser(prog="python -m stack.build", description="Builds the programs of the pipeline.")
    parser.add_argument(
        "programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; all if none is named"
    )
    names = parser.parse_args().programs or list(PROGRAMS)
    if unknown := set(names) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    try:
        binaries = build([PROGRAMS[name] for name in names], _say)
    except (NoGoError, BuildError) as error:
        print(f"ttscope: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 1
    for path in binaries.values():
        _say(str(path))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    sys.exit(main())
