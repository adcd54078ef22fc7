"""Lines in a file that is rotated: whole or not there, whatever the disk does."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel.support.rotating_file import RotatingFile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_lines_are_appended_and_private(tmp_path: Path) -> None:
    path = tmp_path / "events" / "a.jsonl"
    file = RotatingFile(path, 1000, 3)
    file.append(b"one")
    file.append(b"two")
    file.close()
    file.append(b"three")
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = RotatingFile(path, 10, 3)
    for number in range(8):
        file.append(f"line{number}".encode())
    found = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert found == {"a.jsonl": "line7\n", "a.jsonl.1": "line6\n", "a.jsonl.2": "line5\n"}


def test_a_line_longer_than_a_file_has_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = RotatingFile(path, 10, 3)
    file.append(b"x" * 50)
    file.append(b"y")
    assert (path.read_bytes(), path.with_name("a.jsonl.1").read_bytes()) == (b"y\n", b"x" * 50 + b"\n")


@pytest.mark.parametrize("torn", [b"torn", b"x" * 200_000, b"one\n" * 50_000 + b"torn", b"\n\ntorn"])
def test_what_a_crash_left_of_a_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(torn)
    RotatingFile(path, 10**9, 3).append(b"new")
    assert path.read_bytes() == torn[: torn.rfind(b"\n") + 1] + b"new\n"


@given(st.binary(max_size=50))
def test_whatever_is_in_the_file_the_new_line_is_a_line(
    tmp_path_factory: pytest.TempPathFactory, before: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_bytes(before)
    RotatingFile(path, 10**9, 3).append(b"new")
    assert path.read_bytes().split(b"\n")[-2:] == [b"new", b""]


@pytest.mark.parametrize("how", ["moved", "removed", "its folder removed"])
def test_a_file_that_somebody_took_away_is_made_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "events" / "a.jsonl"
    file = RotatingFile(path, 1000, 3)
    file.append(b"one")
    if how == "moved":
        path.rename(tmp_path / "elsewhere")
    else:
        path.unlink()
        if how == "its folder removed":
            path.parent.rmdir()
    file.append(b"two")
    assert path.read_bytes() == b"two\n"


def test_a_full_disk_leaves_whole_lines_and_is_used_again(tmpfs: Path) -> None:
    path = tmpfs / "a.jsonl"
    file = RotatingFile(path, 10**9, 3)
    line = b"x" * 9_999
    written = 0
    while shutil.disk_usage(tmpfs).free > len(line):
        file.append(line)
        written += 1
    with pytest.raises(OSError, match="No space left"):
        file.append(line)
    assert 4 <= written <= 6
    assert path.read_bytes() == (line + b"\n") * written
    (tmpfs / "a.jsonl").write_bytes(b"")  # room again
    file.append(b"new")
    file.close()
    assert path.read_bytes() == b"new\n"


LIMITED = """
import resource, sys
from pathlib import Path
from otel.support.rotating_file import RotatingFile

resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000))
file = RotatingFile(Path(sys.argv[1]), 10**9, 3)
for _ in range(7):
    file.append(b"x" * 9_999)
try:
    file.append(b"x" * 30_000)
except OSError as error:
    print(error.errno)
file.append(b"new")
"""


def test_a_limit_on_the_size_of_files_rotates_earlier(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) == errno.EFBIG
    assert path.read_bytes() == b"new\n"
    assert path.with_name("a.jsonl.1").read_bytes() == (b"x" * 9_999 + b"\n") * 1


NO_HANDLES = """
import os, resource, sys
from pathlib import Path
from otel.support.rotating_file import RotatingFile

resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
file = RotatingFile(Path(sys.argv[1]), 10**9, 3)
try:
    file.append(b"one")
except OSError as error:
    print(error.errno)
for handle in taken:
    os.close(handle)
file.append(b"two")
"""


def test_without_a_file_handle_it_fails_and_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", NO_HANDLES, str(path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) == errno.EMFILE
    assert path.read_bytes() == b"two\n"


KILLED = """
import sys
from pathlib import Path
from otel.support.rotating_file import RotatingFile

file = RotatingFile(Path(sys.argv[1]), 20_000, 100)
number = 0
while True:
    file.append(f"{number} ".encode() + b"x" * 500)
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_loses_no_line_that_it_had_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout]
    process.wait(timeout=10)
    RotatingFile(path, 10**9, 3).append(b"-1 new")
    lines = [line for each in tmp_path.iterdir() for line in each.read_bytes().splitlines()]
    assert {int(line.split()[0]) for line in lines} >= {*acknowledged, -1}
