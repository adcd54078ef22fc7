"""Shared files in a folder that all servers mount, such as an NFS export or a ReadWriteMany volume."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from otel.support.appended_file import sync_folder
from server.shared.object_store import ABANDONED_SECONDS, ObjectChanged, ObjectVersion

LOCK = ".lock"
STAGED = ".part"
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class FolderStore:
    """See ObjectStore. Hidden files are not objects, nor are links.

    One server at a time writes, which a lock in the folder ensures; the kernel, or the file server, releases it when
    its holder ends. NFS needs version 4 for that.
    """

    def __init__(self, folder: Path) -> None:
        """Touches nothing yet."""
        self._folder = folder

    def list(self) -> dict[str, ObjectVersion]:
        return dict(self._scan(self._folder, ""))

    def read(self, name: str) -> tuple[bytes, ObjectVersion] | None:
        self._look()
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(), _version(os.fstat(descriptor))

    def write(self, name: str, content: bytes, expected: ObjectVersion | None) -> ObjectVersion:
        path = self._folder / name
        staged = path.with_name(f".{path.name}.{uuid4().hex}{STAGED}")
        with self._locked():
            self._make_folder(path.parent)
            try:
                _write(staged, content)
                if self._current(path) != expected:
                    raise ObjectChanged("the file was changed by another server")
                staged.replace(path)
            except BaseException:
                with suppress(OSError):
                    staged.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
            return _version(path.lstat())

    def delete(self, name: str) -> None:
        path = self._folder / name
        with self._locked():
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def _scan(self, folder: Path, prefix: str) -> Iterator[tuple[str, ObjectVersion]]:
        """Yields the objects in a folder, and removes what crashed servers have left in it."""
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    status = entry.stat(follow_symlinks=False)
                    if entry.name.startswith("."):
                        if entry.name.endswith(STAGED) and status.st_mtime + ABANDONED_SECONDS < time.time():
                            Path(entry).unlink(missing_ok=True)
                    elif stat.S_ISDIR(status.st_mode):
                        yield from self._scan(Path(entry), f"{prefix}{entry.name}/")
                    elif stat.S_ISREG(status.st_mode):
                        yield f"{prefix}{entry.name}", _version(status)

    def _look(self) -> None:
        """Raises OSError if the folder is not there."""
        self._folder.stat()

    def _current(self, path: Path) -> ObjectVersion | None:
        try:
            return _version(path.lstat())
        except FileNotFoundError:
            return None

    def _make_folder(self, folder: Path) -> None:
        """Makes a folder inside the store, never the store itself: that would hide that it is not mounted."""
        for parent in (*reversed(folder.relative_to(self._folder).parents), folder.relative_to(self._folder)):
            if parent.parts:
                with suppress(FileExistsError):
                    (self._folder / parent).mkdir(FOLDER_MODE)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._folder / LOCK, flags, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Writes a file and syncs it to the disk, with a time that is finer than the kernel's, so that two contents never
    have the same."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        moment = time.time_ns()
        os.utime(descriptor, ns=(moment, moment))
        os.fsync(descriptor)


def _version(status: os.stat_result) -> ObjectVersion:
    return ObjectVersion(f"{status.st_ino}-{status.st_mtime_ns}", status.st_mtime_ns, status.st_size)
