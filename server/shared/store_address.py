"""The address of a shared store, as TTSCOPE_SHARED_STORE gives it."""

from __future__ import annotations

import os
from pathlib import Path

from server.shared.bucket_store import BucketStore
from server.shared.folder_store import FolderStore
from server.shared.object_store import ObjectStore
from server.shared.shared_files import COPIES_FOLDER, SharedFiles

VARIABLE = "TTSCOPE_SHARED_STORE"
SCHEME = "s3://"
PATTERN = r"^(|/.+|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?)$"


def open_shared_files(address: str, data_dir: Path) -> SharedFiles | None:
    """Returns the files of the store at an address; None for an empty one. Connects to nothing yet. Raises
    MissingLibrary."""
    if not address:
        return None
    store: ObjectStore
    if address.startswith(SCHEME):
        bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        store = BucketStore(bucket, prefix.strip("/"))
    else:
        store = FolderStore(Path(address))
    return SharedFiles(data_dir / COPIES_FOLDER, store)


def shared_files_of_environment(data_dir: Path) -> SharedFiles | None:
    """Returns the files that a command and the servers share, as the environment says. Raises MissingLibrary."""
    return open_shared_files(os.environ.get(VARIABLE, ""), data_dir)
