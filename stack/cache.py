"""Where built programs lie: outside the checkout, in a folder for each set of pins."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.programs import CGO, Program
from stack.toolchain import Go

VARIABLE = "TTSCOPE_CACHE_DIR"
SUMS = "SHA256SUMS"
"""Of a folder of binaries: their checksums as they were built, in the form of sha256sum."""


def root() -> Path:
    """$TTSCOPE_CACHE_DIR, $XDG_CACHE_HOME/ttscope or ~/.cache/ttscope."""
    ours, general = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME")
    if ours:
        return Path(ours)
    return (Path(general) if general else Path.home() / ".cache") / "ttscope"


def fingerprint(program: Program, go: Go) -> str:
    """Changes with whatever the binaries are made of: module files, sources, flags, Go."""
    digest = hashlib.sha256()
    for path in sorted(program.folder.iterdir()):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    digest.update("\0".join((go.version, CGO, *program.flags, *program.packages)).encode())
    return digest.hexdigest()[:16]


def folder(program: Program, go: Go) -> Path:
    """Where the binaries of ``program`` are, if it has been built."""
    return root() / "stack" / f"{program.name}-{fingerprint(program, go)}"


def is_built(program: Program, go: Go) -> bool:
    """Whether a build has ended well; unfinished ones never have this name."""
    return folder(program, go).is_dir()


def record(folder: Path) -> None:
    """Writes down the checksums of the binaries in ``folder``."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{_sum(folder / name)}  {name}\n" for name in names))


def changed(folder: Path) -> list[str]:
    """The binaries in ``folder`` that are not what was recorded, or are gone.

    All of their bytes are read: 0.3 s for 300 MB. A size and a time can be kept by whoever changes a file. It finds
    damage and a file that was replaced, not somebody who may write in the folder and changes the record too.
    """
    lines = (folder / SUMS).read_text().splitlines()
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return [name for name, digest in recorded.items() if _sum(folder / name) != digest]


def _sum(path: Path) -> str:
    """The SHA-256 of a file; empty without one."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def filling(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes ``target`` at the end, or vanishes on an exception.

    If another build came first, its result stays: both are made of the same pins.
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
