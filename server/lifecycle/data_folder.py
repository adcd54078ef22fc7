"""The data folder: only one server at a time can use it, and other users of the machine can't read it."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.errors import ComponentError
from server.logs import LOGGER

LOCK = "server.lock"
VARIABLE = "TTSCOPE_DATA_DIR"
DEFAULT = "var"
FOLDERS = ("audit", "events", "pronunciations", "samples", "shared", "voices")
"""The server's own folders in the data folder. Others that lie there belong to other programs, and may have readers, as
the drift job's pages have."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The permissions of other users."""

log = logging.getLogger(f"{LOGGER}.data")


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


def add_data_dir(parser: ArgumentParser, content: str) -> None:
    """Adds the option --data-dir to a command that works on ``content`` in the data folder."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get(VARIABLE, DEFAULT)),
        help=f"where {content} (default: ${VARIABLE}, else {DEFAULT})",
    )


def make_private(folder: Path) -> None:
    """Removes other users' permissions from the server's files in ``folder``, and logs how many had some.

    They come from earlier versions, and from commands with another umask. Links and the files of other owners are left
    as they are.
    """
    narrowed = sum(map(_narrow, _entries(folder)))
    if narrowed:
        log.warning("other users could read files in the data folder, and can't any more: %d", narrowed)


def _entries(folder: Path) -> Iterator[Path]:
    """Yields the files of ``folder``, and the server's folders in it with all that they hold."""
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.name in FOLDERS:
            yield path
            yield from path.rglob("*")


def _narrow(path: Path) -> bool:
    """Removes other users' permissions from a file or folder; returns whether there were any."""
    try:
        status = path.lstat()
        wide = status.st_mode & OTHERS and status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if wide:
            path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
    except OSError:
        return False
    return bool(wide)
