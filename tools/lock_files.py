"""The lock files of the Python packages, as ``uv pip compile`` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[^\]]*\])?==(?P<version>[^ ;]+)(?: ; (?P<marker>.*?))? \\")
HASH = re.compile(r" +--hash=(?P<hash>sha256:[0-9a-f]{64})(?: \\)?")


@dataclass(frozen=True, slots=True)
class Pin:
    """A package of a lock file: its name, its version, the hashes of its files, and where it is installed."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str
    """The condition of its installation, such as "sys_platform == 'win32'"; empty if there is none."""


def lock_files(root: Path) -> list[Path]:
    """Returns every lock file of the checkout ``root``."""
    return [root / "requirements.lock", *sorted((root / "requirements").glob("*.lock"))]


def pins(lock: Path) -> list[Pin]:
    """Returns what a lock file pins. Raises ValueError for a line that is neither a pin, a hash nor a comment."""
    return list(_pins(lock.read_text().splitlines()))


def _pins(lines: list[str]) -> Iterator[Pin]:
    current: Pin | None = None
    for line in lines:
        if hashed := HASH.fullmatch(line):
            if current is None:
                raise ValueError(f"a hash of no package: {line}")
            current = Pin(current.name, current.version, (*current.hashes, hashed["hash"]), current.marker)
        elif pinned := PIN.fullmatch(line):
            if current:
                yield current
            current = Pin(pinned["name"], pinned["version"], (), pinned["marker"] or "")
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"neither a pin nor a hash: {line}")
    if current:
        yield current
