"""Writes files and folders atomically: a crash leaves the old one or the new one, never half of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

UNFINISHED = ".unfinished-"
"""The prefix of the names of incomplete files and folders; only a crash leaves one behind."""


def write(path: Path, content: str) -> None:
    """Writes ``content`` to ``path``. Raises OSError, which leaves the previous content in place."""
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    unfinished = Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(0o644)  # with mkstemp's 0600 a web server could not read it
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    settle(path.parent)


def write_json(path: Path, value: object) -> None:
    """Writes ``json_text`` of ``value`` to ``path``. Raises as ``write`` does."""
    write(path, json_text(value))


def json_text(value: object, *, indent: int | None = 1, sort_keys: bool = True) -> str:
    """Returns the JSON of dataclasses, structs and plain data; with sorted keys equal values give equal texts.

    Times are ISO 8601 with their offset. Raises ValueError for a number that is not finite.
    """
    plain = msgspec.to_builtins(value, builtin_types=(datetime,), str_keys=True)
    text = json.dumps(plain, indent=indent, sort_keys=sort_keys, allow_nan=False, default=datetime.isoformat)
    return f"{text}\n"


def publish(folder: Path, fill: Callable[[Path], None]) -> None:
    """Creates ``folder`` with what ``fill`` writes into an empty one; it appears complete, or not at all.

    An existing folder is replaced. Raises OSError, and any error of ``fill``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        fill(unfinished)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # the parent folder's mode controls access
            settle(path)
        if folder.exists():  # rename does not replace a folder that is not empty
            old = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
            folder.replace(old)
            shutil.rmtree(old, ignore_errors=True)
        unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    settle(folder.parent)


def remove(folder: Path) -> None:
    """Removes ``folder``; its name and all of its content disappear at once."""
    hidden = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    folder.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Removes what a crash left unfinished in ``folder``; call it only while no other process writes there."""
    for path in folder.glob(f"{UNFINISHED}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Waits until the content of the file or folder ``path`` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
