"""The recordings of all tenants: each tenant's in a folder of its own, which other tenants never see."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from otel.support.appended_file import sync_folder
from server.access.caller import DEFAULT_TENANT
from server.logs import LOGGER
from server.shared.shared_files import SharedFiles
from server.utterance import VOICE_NAME
from server.voices.recordings import (
    DEFAULT_LIMITS,
    STAGED,
    SUFFIX,
    Recording,
    RecordingLimits,
    RecordingStore,
    is_recording,
)

RECORDINGS_FOLDER = "samples"
"""The name of the folder in the data directory."""
TENANT_NAME = VOICE_NAME
"""The names of folders; a tenant's name is one of them."""

log = logging.getLogger(f"{LOGGER}.voices")


class TenantRecordings:
    """A RecordingStore for each tenant. ``of`` blocks, since it reads files. Any thread may call its methods."""

    def __init__(
        self, folder: Path, limits: RecordingLimits = DEFAULT_LIMITS, shared: SharedFiles | None = None
    ) -> None:
        """Moves recordings that an earlier version left in ``folder`` itself to DEFAULT_TENANT. ``limits`` are those of
        each tenant. If ``folder`` is one of the copies of ``shared``, other servers have the same recordings."""
        self._folder = folder
        self._limits = limits
        self._shared = shared
        self._lock = threading.Lock()
        self._removal_callbacks: list[Callable[[Recording], None]] = []
        _adopt(folder)
        names = sorted(path.name for path in folder.glob("*") if path.is_dir() and not path.is_symlink())
        self._stores = {name: self._open(name) for name in names if TENANT_NAME.fullmatch(name)}
        if shared is not None:
            shared.on_change(self._reload)

    def of(self, tenant: str) -> RecordingStore:
        """Returns the store of a tenant. Raises ValueError if it is not a name."""
        if not TENANT_NAME.fullmatch(tenant):  # keeps the folder inside ours
            raise ValueError(f"a tenant's name must match {TENANT_NAME.pattern}")
        with self._lock:
            if tenant not in self._stores:
                self._stores[tenant] = self._open(tenant)
            return self._stores[tenant]

    def find(self, tenant: str | None, name: str) -> Recording | None:
        """Returns a tenant's recording; None if there is no such one."""
        store = self._stores.get(tenant or "")
        return store.recordings.get(name) if store is not None else None

    def all(self) -> list[tuple[str, Recording]]:
        """Returns each recording with its tenant."""
        with self._lock:
            stores = list(self._stores.items())
        return [(tenant, recording) for tenant, store in stores for recording in store.recordings.values()]

    def on_removal(self, callback: Callable[[Recording], None]) -> None:
        """Calls ``callback`` with each recording that is removed or replaced, in the thread that removes it."""
        self._removal_callbacks.append(callback)

    def _open(self, tenant: str) -> RecordingStore:
        store = RecordingStore(self._folder / tenant, self._limits, self._shared)
        store.on_removal(self._report_removal)
        return store

    def _reload(self, names: frozenset[str]) -> None:
        """Reads the recordings among shared files that have changed."""
        by_tenant: dict[str, list[str]] = {}
        for folder, _, path in (name.partition("/") for name in names):
            if folder == RECORDINGS_FOLDER:
                tenant, _, file = path.partition("/")
                by_tenant.setdefault(tenant, []).append(file.removesuffix(SUFFIX))
        for tenant, recordings in by_tenant.items():
            self.of(tenant).reload(recordings)

    def _report_removal(self, recording: Recording) -> None:
        for callback in self._removal_callbacks:
            callback(recording)


def _adopt(folder: Path) -> None:
    """Moves recordings in ``folder`` itself to DEFAULT_TENANT's, one rename for each: a crash loses none, and the next
    start goes on. One whose name is used there stays, and is logged."""
    recordings = [path for path in sorted(folder.glob(f"*{SUFFIX}")) if is_recording(path)]
    for leftover in folder.glob(f"*{STAGED}"):
        if is_recording(leftover):
            leftover.unlink(missing_ok=True)
    if not recordings:
        return
    target = folder / DEFAULT_TENANT
    free = [path for path in recordings if not (target / path.name).exists()]
    try:
        target.mkdir(mode=0o700, exist_ok=True)
        for path in free:
            path.rename(target / path.name)
        sync_folder(target)
        sync_folder(folder)
    except OSError as error:
        log.warning("recordings of an earlier version can't be moved, and are not offered: %s", error.strerror)
        return
    log.info("recordings of an earlier version were moved to the tenant %s: %d", DEFAULT_TENANT, len(free))
    if len(free) < len(recordings):
        log.warning(
            "recordings whose names the tenant %s uses were not moved: %d", DEFAULT_TENANT, len(recordings) - len(free)
        )
