"""The folder of built programs: outside the checkout, with a folder for each set of pins."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.environment import CACHE_VARIABLE
from stack.programs import CGO, Program
from stack.toolchain import Go

SUMS = "SHA256SUMS"
"""The file with the checksums of a folder's binaries as they were built, in the format of sha256sum."""


def root() -> Path:
    """Returns $TTSCOPE_CACHE_DIR, $XDG_CACHE_HOME/ttscope or ~/.cache/ttscope."""
    own, general = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own)
    return (Path(general) if general else Path.home() / ".cache") / "ttscope"


def fingerprint(program: Program, go: Go) -> str:
    """Returns a hash of everything that the binaries are made of: module files, sources, flags, Go."""
    digest = hashlib.sha256()
    for path in sorted(program.folder.iterdir()):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    digest.update("\0".join((go.version, CGO, *program.flags, *program.packages)).encode())
    return digest.hexdigest()[:16]


def folder(program: Program, go: Go) -> Path:
    """Returns the folder of the binaries of ``program``, if it has been built."""
    return root() / "stack" / f"{program.name}-{fingerprint(program, go)}"


def is_built(program: Program, go: Go) -> bool:
    """Returns whether a build has succeeded; an unfinished one never has this name."""
    return folder(program, go).is_dir()


def record(folder: Path) -> None:
    """Writes the checksums of the binaries in ``folder`` to SUMS."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{_sum(folder / name)}  {name}\n" for name in names))


def changed(folder: Path) -> list[str]:
    """Returns the binaries in ``folder`` that differ from the recorded checksums or are missing.

    It reads all of their bytes, 0.3 s for 300 MB, since sizes and times can be forged. It finds damage and replaced
    files, but not an attacker who can write in the folder and changes the checksums too.
    """
    lines = (folder / SUMS).read_text().splitlines()
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return [name for name, digest in recorded.items() if _sum(folder / name) != digest]


def _sum(path: Path) -> str:
    """Returns the SHA-256 of a file; empty if it is missing."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def filling(target: Path) -> Iterator[Path]:
    """Yields a temporary folder that becomes ``target`` at the end, or is removed on an exception.

    If another build finished first, its result stays: both have the same pins.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if not target.exists():
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
