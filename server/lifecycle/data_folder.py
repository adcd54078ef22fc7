"""The data folder: only one server at a time can use it, and other users of the machine can't read it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server.errors import ComponentError

LOCK = "server.lock"
PRIVATE = ("events", "samples", "audit")
"""Folders in the data folder: request events, recordings of people's voices, and the audit log."""


class DataFolderError(ComponentError):
    """The data folder can't be used; the message says why."""


@contextmanager
def lock_data_folder(folder: Path) -> Iterator[None]:
    """Locks ``folder`` for this process, since two servers would rotate away each other's event files.

    It is a POSIX record lock: child processes do not inherit it, and the kernel releases it however the process ends.
    Raises DataFolderError if another server holds the lock, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(f"the data folder {folder} can't be written: {error.strerror}") from error
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderError(
                f"another server works on the data folder {folder}: stop it, or set TTSCOPE_DATA_DIR to another folder"
            ) from None
        make_private(folder)
        yield
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Removes other users' permissions from files of earlier versions in PRIVATE; skips files of other owners."""
    for name in PRIVATE:
        for path in (folder / name, *(folder / name).glob("*")):
            with suppress(OSError):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & 0o700)
