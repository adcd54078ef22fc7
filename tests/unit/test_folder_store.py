"""Shared files in a folder that servers mount."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.shared import folder_store
from server.shared.folder_store import STAGED, FolderStore
from server.shared.object_store import ABANDONED_SECONDS, ObjectChanged
from tests.server_process import ROOT
from tests.store_behaviour import *  # noqa: F403 - the tests that all stores pass
from tests.store_behaviour import NAME


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_of_many_writers_at_once_each_one_that_succeeds_is_the_only_one(store: FolderStore) -> None:
    def count(_: int) -> None:
        while True:
            current = store.read(NAME)
            number = int(current[0]) if current else 0
            try:
                store.write(NAME, str(number + 1).encode(), current and current[1])
            except ObjectChanged:
                continue
            return

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(count, range(20)))
    content = store.read(NAME)
    assert content is not None
    assert content[0] == b"20"


def test_links_and_hidden_files_are_no_objects(tmp_path: Path, store: FolderStore) -> None:
    version = store.write(NAME, b"ann", None)
    outside = tmp_path.parent / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(b"secret")
    (tmp_path / "samples" / "linked").symlink_to(outside)
    (tmp_path / "samples" / "default" / "ben.wav").symlink_to(outside / "secret.wav")
    (tmp_path / "samples" / "default" / ".hidden.wav").write_bytes(b"hidden")
    os.mkfifo(tmp_path / "samples" / "default" / "pipe.wav")
    assert store.list() == {NAME: version}
    with pytest.raises(OSError, match="symbolic links"):
        store.read("samples/default/ben.wav")


def test_a_store_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    gone = FolderStore(tmp_path / "mount")
    for operation in (
        gone.list,
        lambda: gone.read(NAME),
        lambda: gone.write(NAME, b"x", None),
        lambda: gone.delete(NAME),
    ):
        with pytest.raises(FileNotFoundError):
            operation()
    assert not (tmp_path / "mount").exists()


def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.write(NAME, b"first", None)

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_store, "_write", full)
    with pytest.raises(OSError, match="No space"):
        store.write(NAME, b"second", version)
    assert store.read(NAME) == (b"first", version)
    assert {path.name for path in (tmp_path / NAME).parent.iterdir()} == {"ann.wav"}


CRASHING = """
import sys
from pathlib import Path
from server.shared import folder_store

def stop(path, content):
    path.write_bytes(content[:2])
    print("holding", flush=True)
    sys.stdin.read()

folder_store._write = stop
folder_store.FolderStore(Path(sys.argv[1])).write("samples/default/ann.wav", b"second", None)
"""


def test_a_writer_that_is_killed_holds_up_nobody_and_what_it_left_is_removed(
    tmp_path: Path, store: FolderStore
) -> None:
    command = [sys.executable, "-c", CRASHING, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"holding\n"
        writer.send_signal(signal.SIGKILL)
    version = store.write(NAME, b"first", None)
    [left] = (tmp_path / NAME).parent.glob(f".*{STAGED}")
    assert store.list() == {NAME: version}
    assert left.exists()  # it may be another server's that is being written
    old = time.time() - ABANDONED_SECONDS - 1
    os.utime(left, (old, old))
    assert store.list() == {NAME: version}
    assert not left.exists()
