"""Tests that one server at a time uses the data folder, and that it is private."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.lifecycle.data_folder import DataFolderError, lock_data_folder
from tests.server_process import ROOT

HOLDER = """
import os, sys, time
from pathlib import Path
from server.lifecycle.data_folder import lock_data_folder

with lock_data_folder(Path(sys.argv[1])):
    child = os.fork()  # as a library may do: the child must not hold the folder on
    if not child:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with (
            pytest.raises(DataFolderError, match="another server works on the data folder"),
            lock_data_folder(tmp_path),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=30)
        with lock_data_folder(tmp_path):
            pass
    finally:
        holder.kill()
        os.kill(child, signal.SIGKILL)


def test_a_folder_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError, match="can't be written: "), lock_data_folder(tmp_path / "file" / "var"):
        pass


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not ours")
    data = tmp_path / "data"
    for name in ("events/requests.jsonl", "samples/alpha/ann.wav", "voices/joe", "keys.sqlite", "drift/index.html"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")
        (data / name).chmod(0o644)
        (data / name).parent.chmod(0o755)
    (data / "samples" / "link.wav").symlink_to(outside)
    before = outside.stat().st_mode
    with lock_data_folder(data):
        modes = {str(path.relative_to(data)): path.lstat().st_mode & 0o777 for path in data.rglob("*")}
    folders = ("events", "samples", "samples/alpha", "voices")
    files = ("events/requests.jsonl", "samples/alpha/ann.wav", "voices/joe", "keys.sqlite", "server.lock")
    assert {modes[name] for name in folders} == {0o700}
    assert {modes[name] for name in files} == {0o600}
    assert (modes["drift"], modes["drift/index.html"]) == (0o755, 0o644)  # another program's, which may be served
    assert outside.stat().st_mode == before
    narrowed = "other users could read files in the data folder, and can't any more: 8"
    assert [record.getMessage() for record in caplog.records] == [narrowed]
    caplog.clear()
    with lock_data_folder(data):
        assert not caplog.records
