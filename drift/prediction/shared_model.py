"""Copies the promoted model into the store that servers share: a folder, or a place in an object store."""

from __future__ import annotations

import errno
from pathlib import Path

from drift import files
from drift.bucket_address import BucketAddress, EventSource

NAME = "prediction/model.json"
"""The name of the model in the store, by which servers find it (server/shared/shared_files.py)."""


class SharedModel:
    """The copy of the model in a store."""

    def __init__(self, store: EventSource) -> None:
        """Touches nothing yet."""
        self._store = store

    def update(self, model: Path) -> None:
        """Makes the copy equal to ``model``. Raises OSError, whose ``strerror`` names no address."""
        content = model.read_text(encoding="utf-8")
        if isinstance(self._store, BucketAddress):
            _update_object(f"{self._store.path}/{NAME}", content.encode())
            return
        if not self._store.is_dir():  # to make it would hide that its volume is not mounted
            raise OSError(errno.ENOENT, "the shared store is not there; is its volume mounted?")
        copy = self._store / NAME
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_text(encoding="utf-8", errors="replace") != content:
            files.write(copy, content)


def _update_object(path: str, content: bytes) -> None:
    import pyarrow as pa

    from drift.rows.bucket import connect, reason

    store = connect()
    try:
        try:
            with store.open_input_stream(path, compression=None) as stream:
                current = stream.read()
        except FileNotFoundError:
            current = None
        if current != content:
            with store.open_output_stream(path, compression=None) as stream:
                stream.write(content)
    except (OSError, pa.ArrowException) as error:
        raise OSError(errno.EIO, f"the object store failed ({reason(error)})") from None
