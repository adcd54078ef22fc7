"""Where built programs lie: outside the checkout, in a folder for each set of pins."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel.stack.programs import CGO, Program
from otel.stack.toolchain import Go


def root() -> Path:
    """$TTSCOPE_CACHE_DIR, $XDG_CACHE_HOME/ttscope or ~/.cache/ttscope."""
    ours, general = os.environ.get("TTSCOPE_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
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
