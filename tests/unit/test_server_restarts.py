"""Tests that a file, which only an orderly stop removes, counts the server's crashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.lifecycle.restarts import FILE, RestartCounter


def begun(folder: Path) -> RestartCounter:
    restarts = RestartCounter(folder)
    restarts.begin()
    return restarts


def test_crashes_are_counted_until_a_stop_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert [begun(folder).count for _ in range(4)] == [0, 1, 2, 3]
    begun(folder).end()
    assert begun(folder).count == 0


@pytest.mark.parametrize("content", [b"", b"many\n", b"\xff\xfe\x00", b"-3", "²".encode()])
def test_a_damaged_file_is_one_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert begun(tmp_path).count == 1
    assert begun(tmp_path).count == 2


def test_a_server_that_never_ran_leaves_anothers_file_alone(tmp_path: Path) -> None:
    begun(tmp_path)
    RestartCounter(tmp_path).end()
    assert begun(tmp_path).count == 1


def test_a_folder_that_cannot_be_written_stops_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    restarts = begun(tmp_path / "file" / "data")
    restarts.end()
    assert restarts.count == 0
    assert "restarts are not counted" in caplog.text
