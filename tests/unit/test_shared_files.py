"""The copies that a server has of shared files: equal to the store, and served without it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.errors import SharedStoreUnavailable
from server.shared import shared_files
from server.shared.folder_store import FolderStore
from server.shared.object_store import ABANDONED_SECONDS
from server.shared.shared_files import DRAFT, MARK, MAX_BYTES, SharedFiles

NAME = "samples/default/ann.wav"


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


@pytest.fixture
def replicas(tmp_path: Path, mount: Path) -> tuple[SharedFiles, SharedFiles]:
    return replica(tmp_path, mount, "a"), replica(tmp_path, mount, "b")


def replica(tmp_path: Path, mount: Path, name: str) -> SharedFiles:
    return SharedFiles(tmp_path / name, FolderStore(mount))


def put(files: SharedFiles, content: str, name: str = NAME) -> None:
    files.change(name, lambda draft: draft.write_text(content))


def test_a_change_is_here_at_once_and_elsewhere_after_a_look(replicas: tuple[SharedFiles, SharedFiles]) -> None:
    one, other = replicas
    seen: list[frozenset[str]] = []
    other.on_change(seen.append)
    put(one, "first")
    assert (one.folder / NAME).read_text() == "first"
    assert other.look() == {NAME}
    assert (other.folder / NAME).read_text() == "first"
    assert (other.folder / NAME).stat().st_mtime_ns == (one.folder / NAME).stat().st_mtime_ns
    put(one, "other")
    assert other.look() == {NAME}
    assert (other.folder / NAME).read_text() == "other"
    other.change(NAME, lambda draft: draft.unlink())
    assert not (other.folder / NAME).exists()
    assert one.look() == {NAME}
    assert not (one.folder / NAME).exists()
    assert other.look() == frozenset()
    assert seen == [{NAME}, {NAME}]


def test_a_change_begins_with_what_another_server_has_written(replicas: tuple[SharedFiles, SharedFiles]) -> None:
    one = replicas[0]

    def add(files: SharedFiles) -> None:
        def line(draft: Path) -> None:
            with draft.open("a") as file:
                file.write("x\n")

        files.change("pronunciations/added.csv", line)

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(add, replicas * 10))
    one.look()
    assert (one.folder / "pronunciations/added.csv").read_text() == "x\n" * 20


def test_a_change_that_fails_changes_nothing(replicas: tuple[SharedFiles, SharedFiles]) -> None:
    one, other = replicas
    put(one, "first")

    def fail(draft: Path) -> None:
        draft.write_text("half")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        one.change(NAME, fail)
    other.look()
    assert {(files.folder / NAME).read_text() for files in replicas} == {"first"}
    assert list(one.folder.glob(f"{DRAFT}*")) == []


def test_a_restart_copies_only_what_has_changed(
    tmp_path: Path, mount: Path, replicas: tuple[SharedFiles, SharedFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = replicas
    put(one, "first")
    put(one, "to be removed", "samples/default/ben.wav")
    put(one, "to be replaced", "samples/default/cat.wav")
    monkeypatch.setattr(shared_files, "SETTLED", 0)
    other.look()
    one.change("samples/default/ben.wav", lambda draft: draft.unlink())
    put(one, "was replaced", "samples/default/cat.wav")
    inode = (other.folder / NAME).stat().st_ino
    again = replica(tmp_path, mount, "b")
    assert again.look() == {"samples/default/ben.wav", "samples/default/cat.wav"}
    assert (other.folder / NAME).stat().st_ino == inode
    assert (other.folder / "samples/default/cat.wav").read_text() == "was replaced"


def test_a_copy_as_old_as_its_object_is_compared_at_a_restart(
    tmp_path: Path, mount: Path, replicas: tuple[SharedFiles, SharedFiles]
) -> None:
    """An object store counts whole seconds: the object may have been replaced within the same one."""
    put(replicas[0], "first")
    copy = replicas[0].folder / NAME
    status = copy.stat()
    copy.write_text("wrong")
    os.utime(copy, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert NAME in replica(tmp_path, mount, "a").look()
    assert copy.read_text() == "first"


def test_without_the_store_the_copies_stay(
    mount: Path,
    replicas: tuple[SharedFiles, SharedFiles],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, _ = replicas
    put(one, "first")
    one.look()
    mount.rename(mount.with_name("away"))
    for _ in range(3):
        with pytest.raises(SharedStoreUnavailable, match=r"can't be"):
            one.look()
    with pytest.raises(SharedStoreUnavailable, match="No such file or directory"):
        put(one, "second")
    assert not one.available
    assert (one.folder / NAME).read_text() == "first"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(mount) not in caplog.text
    mount.with_name("away").rename(mount)
    put(one, "second")
    assert one.available
    assert one.look() == frozenset()


def test_a_volume_that_is_not_mounted_removes_nothing(mount: Path, replicas: tuple[SharedFiles, SharedFiles]) -> None:
    one, _ = replicas
    put(one, "first")
    one.look()
    mount.rename(mount.with_name("away"))
    mount.mkdir()
    with pytest.raises(SharedStoreUnavailable, match="is its volume mounted"):
        one.look()
    assert (one.folder / NAME).read_text() == "first"


def test_files_that_an_operator_puts_there_are_taken(mount: Path, replicas: tuple[SharedFiles, SharedFiles]) -> None:
    path = mount / NAME
    path.parent.mkdir(parents=True)
    path.write_text("ann")
    assert replicas[0].look() == {NAME}


@pytest.mark.parametrize(
    "name",
    [
        "samples/default/../../../passwd.wav",
        "samples/ann.wav",
        "samples/Default/ann.wav",
        "samples/default/ann.wav/x.wav",
        "samples/default/ann.mp3",
        "samples/default/" + "a" * 65 + ".wav",
        "pronunciations/a/b.csv",
        "keys.sqlite-wal",
        "other",
    ],
)
def test_other_names_are_left_alone(name: str, mount: Path, replicas: tuple[SharedFiles, SharedFiles]) -> None:
    path = mount / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert replicas[0].look() == frozenset()
    assert {path.name for path in replicas[0].folder.rglob("*")} == {MARK}
    path.unlink()


def test_a_file_that_is_too_large_is_left_out(
    mount: Path, replicas: tuple[SharedFiles, SharedFiles], caplog: pytest.LogCaptureFixture
) -> None:
    path = mount / NAME
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert replicas[0].look() == frozenset()
    replicas[0].look()
    assert [record.getMessage() for record in caplog.records] == ["shared files that are too large are left out: 1"]


def test_drafts_of_programs_that_crashed_are_removed(tmp_path: Path, replicas: tuple[SharedFiles, SharedFiles]) -> None:
    draft = tmp_path / "a" / f"{DRAFT}x"
    draft.mkdir(parents=True)
    (draft / "ann.wav").write_text("half")
    old = time.time() - 2 * ABANDONED_SECONDS
    os.utime(draft, (old, old))
    replicas[0].look()
    assert not draft.exists()


def test_the_age_is_the_time_since_the_copies_were_those_of_the_store(
    mount: Path, replicas: tuple[SharedFiles, SharedFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one = replicas[0]
    one.look()
    now += 7
    assert one.age == 7
    mount.rename(mount.with_name("away"))
    with pytest.raises(SharedStoreUnavailable):
        one.look()
    assert one.age == 7
    mount.with_name("away").rename(mount)
    now += 7
    one.look()
    assert one.age == 0
