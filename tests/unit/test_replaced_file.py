"""Tests that a file is replaced as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel.support.replaced_file import replaced


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with replaced(path, mode) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == mode
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replaced(path) as draft:
        draft.write_text("half ä", encoding="ascii")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "none" / "file"):
        pytest.fail("there is nothing to write to")
