"""Files of the drift job's state: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift import files


class CrashError(Exception):
    pass


def crash(*_: object) -> None:
    raise CrashError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.write(path, "old")
    files.write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_what_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "x"
    files.write(path, "old")
    monkeypatch.setattr(step, crash)
    with pytest.raises(CrashError):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole_and_replaces_another(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "window"
    files.publish(folder, lambda new: (new / "a").write_text("1"))  # type: ignore[arg-type,return-value]
    files.publish(folder, lambda new: (new / "b").write_text("2"))  # type: ignore[arg-type,return-value]
    assert [path.name for path in folder.iterdir()] == ["b"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_can_not_be_filled_is_not_there(tmp_path: Path) -> None:
    def half(new: Path) -> None:
        (new / "half").touch()
        crash()

    with pytest.raises(CrashError):
        files.publish(tmp_path / "window", half)
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_behind_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f"{files.UNFINISHED}folder" / "x").mkdir(parents=True)
    (tmp_path / f"{files.UNFINISHED}file").touch()
    (tmp_path / "kept").touch()
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_json_can_not_say_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "x", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
