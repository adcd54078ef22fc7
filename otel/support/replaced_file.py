"""Replaces a file as a whole: a crash leaves the old one or the new one, never half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

MODE = 0o600


@contextmanager
def replaced(path: Path, mode: int = MODE) -> Iterator[Path]:
    """Gives a file to write to, which takes the place of ``path`` once it is on the disk. If the block fails, it is
    removed, and ``path`` stays as it was. Raises OSError."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        draft = Path(file.name)
        try:
            yield draft
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
