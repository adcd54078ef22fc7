"""The file that keeps what keys have used of their quotas, so that a restart does not give it back."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from otel.support.replaced_file import replaced
from server.access.limit_storage import BoundedStorage
from server.logs import LOGGER

SAVE_SECONDS = 30.0
"""The time between two looks for changes: as much usage is lost in a crash."""

Counters = TypeAdapter(dict[str, tuple[int, float]])
"""The value of each counter, and when it ends in Unix seconds."""

logger = logging.getLogger(f"{LOGGER}.limits")


class UsageFile:
    """Keeps the counters of ``storage`` in a file."""

    def __init__(self, path: Path, storage: BoundedStorage) -> None:
        self._path = path
        self._storage = storage
        self._saved: dict[str, tuple[int, float]] = {}

    def load(self) -> None:
        """Adds the counters of the file to the storage. A file that can't be read counts as empty, and is logged."""
        try:
            self._storage.restore(Counters.validate_json(self._path.read_bytes()))
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not such a file"
            logger.warning("what keys have used can't be read, and is counted anew", extra={"reason": reason})
            return
        self._saved = self._storage.counters()

    async def watch(self) -> None:
        """Saves the counters whenever they have changed, until it is cancelled."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self.save()

    async def save(self) -> None:
        """Writes the counters if they have changed. Raises OSError."""
        counters = self._storage.counters()
        if counters != self._saved:
            await asyncio.to_thread(self._write, Counters.dump_json(counters))
            self._saved = counters

    def _write(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(self._path) as draft:
            draft.write_bytes(data)
