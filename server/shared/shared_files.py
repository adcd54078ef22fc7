"""The shared files as one server has them: copies on its own disk, which go on serving when the store is lost."""

from __future__ import annotations

import errno
import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from otel.support.replaced_file import replaced
from server.errors import SharedStoreUnavailable
from server.logs import LOGGER
from server.redis_link import Availability
from server.shared.object_store import ABANDONED_SECONDS, ObjectChanged, ObjectStore, ObjectVersion
from server.utterance import VOICE_NAME

COPIES_FOLDER = "shared"
"""The folder of the copies, inside the data folder."""
MARK = "store"
"""The object that tells a store from the empty folder of a volume that is not mounted."""
NAMES = re.compile(
    rf"{MARK}|keys\.sqlite|samples/{VOICE_NAME.pattern}/{VOICE_NAME.pattern}\.wav|pronunciations/\w[\w.-]{{0,99}}"
    r"|prediction/model\.json"
)
"""The names of shared files. Other objects in the store are left alone."""
MAX_BYTES = 8 * 1024 * 1024
"""The largest shared file. Recordings have 1.3 MB, and a file of pronunciations 4 MB."""
DRAFT = ".draft-"
ATTEMPTS = 20
"""How often a change is made anew because other servers change the same file at the same time."""
RETRY_SECONDS = 5.0
SETTLED = 2_000_000_000
"""The ns after which a store's clock has gone on: object stores count whole seconds."""

T = TypeVar("T")
log = logging.getLogger(f"{LOGGER}.shared")


class SharedFiles:
    """Copies of a store's files in a folder. Methods block; any thread may call them.

    A copy has the time at which its object was written, so that all servers see the same content and the same time.
    """

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        """Touches neither; ``look`` makes the folder."""
        self.folder = folder
        """The folder of the copies."""
        self._store = store
        self._lock = Lock()
        self._versions: dict[str, ObjectVersion] = {}
        """Of the copies that this process has made or compared."""
        self._compared = False
        self._current_at = time.monotonic()
        self._large: dict[str, ObjectVersion] = {}
        """The files that are too large to be copied."""
        self._observers: list[Callable[[frozenset[str]], None]] = []
        self._availability = Availability(log, "the shared store can't be reached", "copies are served", RETRY_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the copies were last equal to the store; before the first time, since the start."""
        return time.monotonic() - self._current_at

    @property
    def available(self) -> bool:
        """Whether the store could be reached the last time."""
        return self._availability.well

    def name(self, copy: Path) -> str:
        """Returns the name of the file whose copy is at a path."""
        return copy.relative_to(self.folder).as_posix()

    def on_change(self, observer: Callable[[frozenset[str]], None]) -> None:
        """Calls ``observer`` with the names of files that other servers have changed, in the thread that looks."""
        self._observers.append(observer)

    def look(self) -> frozenset[str]:
        """Makes the copies equal to the store; returns the names of those that have changed. Raises
        SharedStoreUnavailable; at once, if the store was lost a moment ago."""
        if not self._availability.usable():
            raise SharedStoreUnavailable("the shared store can't be reached", retry_after=int(RETRY_SECONDS))
        changed: set[str] = set()
        began = time.monotonic()
        try:
            self._guarded(lambda: self._compare(changed))
            self._current_at = began
        finally:  # what was copied before the store was lost counts
            for observer in self._observers if changed else ():
                observer(frozenset(changed))
        return frozenset(changed)

    def change(self, name: str, change: Callable[[Path], T]) -> T:
        """Applies ``change`` to a draft of a file, which may not exist yet, and puts it into the store and the copies;
        without the draft, the file is removed. Raises SharedStoreUnavailable, and what ``change`` raises."""
        for _ in range(ATTEMPTS):
            try:
                return self._guarded(lambda: self._apply(name, change))
            except ObjectChanged:
                continue
        raise SharedStoreUnavailable("other servers change the same file again and again", retry_after=1)

    def _apply(self, name: str, change: Callable[[Path], T]) -> T:
        """Raises ObjectChanged if another server was faster."""
        current = self._store.read(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=DRAFT, dir=self.folder) as folder:
            draft = Path(folder) / Path(name).name
            if current is not None:
                draft.write_bytes(current[0])
            result = change(draft)
            content = draft.read_bytes() if draft.exists() else None
        if content is None:
            self._store.delete(name)
            self._drop(name)
        else:
            self._keep(name, content, self._store.write(name, content, current and current[1]))
        return result

    def _compare(self, changed: set[str]) -> None:
        """Adds the names of changed files to ``changed``."""
        listed = self._list()
        for name in {*self._versions, *self._unknown_copies()} - listed.keys():
            self._drop(name)
            changed.add(name)
        for name, version in listed.items():
            if not self._is_current(name, version) and self._fetch(name) and name != MARK:
                changed.add(name)
        self._compared = True

    def _list(self) -> dict[str, ObjectVersion]:
        """Returns the store's objects that are shared files. Raises OSError if the store is empty, and was not
        before: its volume is not mounted."""
        listed = {name: version for name, version in self._store.list().items() if NAMES.fullmatch(name)}
        if MARK not in listed:
            if not listed and (self.folder / MARK).exists():
                raise OSError(errno.ENOENT, "it is empty and was not before; is its volume mounted?")
            with suppress(ObjectChanged):
                listed[MARK] = self._store.write(MARK, uuid4().hex.encode(), None)
        large = {name: version for name, version in listed.items() if version.size > MAX_BYTES}
        if large != self._large:
            self._large = large
            log.warning(
                "shared files that are too large are left out: %d",
                len(large),
                extra={"reason": f"they have more than {MAX_BYTES} bytes"},
            )
        return {name: version for name, version in listed.items() if name not in large}

    def _unknown_copies(self) -> Iterable[str]:
        """Yields the names of the copies on the disk until the first comparison: some are of an earlier process."""
        if not self._compared:
            self._remove_drafts()
            for path in self.folder.rglob("*"):
                if path.is_file() and NAMES.fullmatch(self.name(path)):
                    yield self.name(path)

    def _remove_drafts(self) -> None:
        """Removes what crashed programs have left."""
        for folder in self.folder.glob(f"{DRAFT}*"):
            with suppress(OSError):
                if folder.stat().st_mtime + ABANDONED_SECONDS < time.time():
                    rmtree(folder)

    def _is_current(self, name: str, version: ObjectVersion) -> bool:
        if name in self._versions:
            return self._versions[name] == version
        try:
            status = (self.folder / name).stat()
        except OSError:
            return False
        settled = status.st_ctime_ns > version.modified + SETTLED  # it was copied when no other content could follow
        if settled and (status.st_mtime_ns, status.st_size) == (version.modified, version.size):
            self._versions[name] = version
            return True
        return False

    def _fetch(self, name: str) -> bool:
        """Copies an object; returns False if it is gone."""
        read = self._store.read(name)
        if read is None:
            return False
        self._keep(name, *read)
        return True

    def _keep(self, name: str, content: bytes, version: ObjectVersion) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as draft:
            draft.write_bytes(content)
            os.utime(draft, ns=(version.modified, version.modified))
        self._versions[name] = version

    def _drop(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        self._versions.pop(name, None)

    def _guarded(self, operation: Callable[[], T]) -> T:
        """Returns the result of an operation on the store, one at a time. Raises SharedStoreUnavailable instead of
        OSError."""
        with self._lock:
            try:
                result = operation()
            except OSError as error:
                self._availability.failed(error)
                raise SharedStoreUnavailable(
                    f"the shared store can't be used: {error.strerror}", retry_after=int(RETRY_SECONDS)
                ) from error
            self._availability.worked()
            return result
