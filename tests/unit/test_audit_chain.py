"""The chain of the audit log: whatever is changed, removed, moved or cut off is found, and a crash is not damage."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel.contract.values import AuditEvent, AuditOutcome
from otel.support import appended_file
from server.access import audit_file
from server.access.audit_chain import HEAD_BYTES, ORIGIN, Chain, Link, digest
from server.access.audit_check import AuditReport, verify
from server.access.audit_entry import AuditEntry
from server.access.audit_file import CURRENT, HEAD, AuditFile, audit_files, last_line
from server.access.caller import Caller
from tests.examples import examples

ROOT = Path(__file__).parents[2]
SECRET = b"a secret of the operator"
LINES = st.binary(max_size=80_000).map(lambda line: line.replace(b"\n", b""))
MAX_BYTES = 900
"""A file has about three lines."""
KEY = Caller("phone", tenant="home", key_id="k1")


def entry(number: int = 0) -> AuditEntry:
    return AuditEntry(
        event=AuditEvent.VOICE_DELETED, outcome=AuditOutcome.OK, caller=KEY, subject=f"voice-{number}", nanos=10**18
    )


def writer(folder: Path, secret: bytes = b"", files: int = 100, max_bytes: int = MAX_BYTES) -> AuditFile:
    return AuditFile(folder, Chain(secret), max_bytes, files)


def write(folder: Path, entries: int = 10, secret: bytes = b"", files: int = 100) -> AuditFile:
    file = writer(folder, secret, files)
    for number in range(entries):
        file.append([entry(number)])
    return file


def check(folder: Path, secret: bytes = b"") -> AuditReport:
    return verify(folder, Chain(secret))


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, Path]:
    """A log of ten entries in several files without a secret, and one with it."""
    folders = {secret: tmp_path_factory.mktemp("audit") for secret in (b"", SECRET)}
    for secret, folder in folders.items():
        write(folder, secret=secret)
    return folders


@pytest.fixture
def copied(logs: dict[bytes, Path], tmp_path: Path) -> Callable[[bytes], Path]:
    def copy(secret: bytes) -> Path:
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(logs[secret], folder)
        return folder

    return copy


def test_a_line_says_who_did_what_and_when(tmp_path: Path) -> None:
    write(tmp_path, 1)
    [line] = (tmp_path / CURRENT).read_bytes().splitlines()
    assert json.loads(line) == {
        "sequence": 1,
        "time": "2001-09-09T01:46:40.000000Z",
        "program": "server",
        "event": "voice_deleted",
        "outcome": "ok",
        "key_id": "k1",
        "key_name": "phone",
        "tenant": "home",
        "subject": "voice-0",
        "previous": ORIGIN.digest,
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("secret", [b"", SECRET])
def test_a_log_of_several_files_is_in_order(logs: dict[bytes, Path], secret: bytes) -> None:
    report = check(logs[secret], secret)
    assert (report.problems, report.entries) == ([], 10)
    assert report.files > 2
    assert report.last.sequence == 10


@given(data=st.data(), secret=st.sampled_from([b"", SECRET]))
@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_is_found(copied: Callable[[bytes], Path], data: st.DataObject, secret: bytes) -> None:
    folder = copied(secret)
    path = data.draw(st.sampled_from([*audit_files(folder), folder / HEAD]), "file")
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1), "position")
    content[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[position]), "byte")
    path.write_bytes(content)
    assert check(folder, secret).problems


@given(data=st.data(), secret=st.sampled_from([b"", SECRET]))
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_removed_swapped_copied_and_cut_off_lines_are_found(
    copied: Callable[[bytes], Path], data: st.DataObject, secret: bytes
) -> None:
    folder = copied(secret)
    path = data.draw(st.sampled_from(audit_files(folder)), "file")
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1), "line")
    match data.draw(st.sampled_from(["remove", "swap", "copy", "cut off", "remove the file"])):
        case "remove":
            rewrite(path, lambda lines: lines[:number] + lines[number + 1 :])
        case "swap":
            other = (number + 1) % len(lines)
            if other == number:
                return
            lines[number], lines[other] = lines[other], lines[number]
            path.write_bytes(b"".join(lines))
        case "copy":
            rewrite(path, lambda lines: [*lines[: number + 1], lines[number], *lines[number + 1 :]])
        case "cut off":
            path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), "length")])
        case "remove the file":
            path.unlink()
    assert check(folder, secret).problems


def test_the_first_broken_line_is_named(copied: Callable[[bytes], Path]) -> None:
    folder = copied(b"")
    [first, second, *_] = audit_files(folder)
    count = len(first.read_bytes().splitlines())
    rewrite(first, lambda lines: [lines[0].replace(b"voice-0", b"voice-9"), *lines[1:]])
    assert check(folder).problems == [f"{first.name}:2: entry 1 was changed, or its digest in entry 2 was"]
    folder = copied(b"")
    rewrite(first, lambda lines: [lines[0], *lines[2:]])
    assert check(folder).problems[0] == f"{first.name}:2: entries 2 to 2 are missing before it"
    folder = copied(b"")
    rewrite(first, lambda lines: [lines[0], lines[0], *lines[1:]])
    assert check(folder).problems[0] == f"{first.name}:2: it has the number 1 after 1: it was inserted, moved or copied"
    folder = copied(b"")
    second.unlink()
    assert f"entries {count + 1} to " in check(folder).problems[0]
    folder = copied(b"")
    rewrite(folder / CURRENT, lambda lines: lines[:-1])
    assert check(folder).problems == ["entries 10 to 10 are missing at the end"]
    folder = copied(b"")
    first.unlink()
    assert check(folder).problems == [
        f"entries up to {count} are missing at the start, and no entry says that they were deleted"
    ]
    folder = copied(SECRET)
    rewrite(first, lambda lines: [lines[0].replace(b"voice-0", b"voice-9"), *lines[1:]])
    assert check(folder, SECRET).problems[0] == f"{first.name}:1: its MAC is wrong: entry 1 was changed or forged"


def forge(folder: Path, secret: bytes) -> None:
    """Rewrites the whole log with another first entry, as somebody does who can write the files."""
    lines = b"".join(path.read_bytes() for path in audit_files(folder)).splitlines()
    for path in audit_files(folder):
        path.unlink()
    chain, link, forged = Chain(secret), ORIGIN, b""
    for line in lines:
        fields = {k: v for k, v in json.loads(line).items() if k not in ("sequence", "previous", "mac")}
        content, link = chain.forge(link, {**fields, "subject": "forged"})
        forged += content + b"\n"
    (folder / CURRENT).write_bytes(forged)
    (folder / HEAD).write_bytes(chain.write_head(link))


def test_a_rewritten_chain_is_found_with_a_secret_alone(copied: Callable[[bytes], Path]) -> None:
    folder = copied(b"")
    forge(folder, b"")
    report = check(folder)
    assert report.problems == []
    assert "without a secret, whoever can write the files can also rewrite the chain" in report.remarks
    for attempt in (b"", b"another secret"):
        folder = copied(SECRET)
        forge(folder, attempt)
        assert check(folder, SECRET).problems


def test_a_rewritten_chain_is_found_by_an_entry_noted_elsewhere(copied: Callable[[bytes], Path]) -> None:
    folder = copied(b"")
    noted = check(folder).last
    writer(folder).append([entry()])
    assert verify(folder, Chain(), anchor=noted).problems == []
    forge(folder, b"")
    assert verify(folder, Chain(), anchor=noted).problems == ["entry 10 is not the one that was noted"]


def test_entries_before_the_secret_are_accepted_where_it_is_said(tmp_path: Path) -> None:
    write(tmp_path, 3)
    write(tmp_path, 3, SECRET)
    assert "3 entries have no MAC, the first is 1 and the last is 3" in check(tmp_path, SECRET).problems[0]
    assert verify(tmp_path, Chain(SECRET), keyed_from=4).problems == []
    assert "the entries have MACs, which only TTSCOPE_AUDIT_SECRET can check" in check(tmp_path).remarks


@pytest.mark.parametrize("secret", [b"", SECRET])
@pytest.mark.parametrize("running", [True, False], ids=["the same writer", "a new writer"])
def test_damage_stays_visible_when_the_log_goes_on(tmp_path: Path, secret: bytes, running: bool) -> None:
    def cut(folder: Path) -> None:
        rewrite(folder / CURRENT, lambda lines: lines[:-1])

    def change(folder: Path) -> None:
        rewrite(folder / CURRENT, lambda lines: [*lines[:-1], lines[-1].replace(b"voice", b"vojce")])

    def restore(folder: Path) -> None:
        cut(folder)
        (folder / HEAD).write_bytes(Chain(secret).write_head(check(folder, secret).last))

    def remove_head(folder: Path) -> None:
        (folder / HEAD).unlink()

    def remove_all(folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()

    memory = (restore, remove_all) if running else ()  # only a running server knows what was there before
    for number, damage in enumerate((cut, change, remove_head, *memory)):
        folder = tmp_path / str(number)
        file = write(folder, 5, secret)
        damage(folder)
        (file if running else writer(folder, secret)).append([entry()])
        problems = check(folder, secret).problems
        assert problems, damage.__name__
        writer(folder, secret).append([entry()])
        assert len(check(folder, secret).problems) == len(problems), "damage is reported once"


def test_with_a_secret_a_forged_line_behind_the_head_is_not_built_on(tmp_path: Path) -> None:
    file = write(tmp_path, 3, SECRET)
    forged, _ = Chain().forge(file.head, {**entry().fields(), "subject": "forged"})
    with (tmp_path / CURRENT).open("ab") as log:
        log.write(forged + b"\n")
    writer(tmp_path, SECRET).append([entry()])
    assert any("no MAC" in problem for problem in check(tmp_path, SECRET).problems)
    assert any("found the log damaged" in problem for problem in check(tmp_path, SECRET).problems)


def test_half_a_line_is_a_crash_and_no_damage(tmp_path: Path) -> None:
    write(tmp_path, 2)
    path = tmp_path / CURRENT
    with path.open("ab") as log:
        log.write(b'{"sequence":3,"ti')
    report = check(tmp_path)
    assert report.problems == []
    assert any("half a line" in remark for remark in report.remarks)
    writer(tmp_path).append([entry()])
    assert (check(tmp_path).problems, check(tmp_path).entries) == ([], 3)


def test_a_crash_between_the_lines_and_the_head_is_no_damage(tmp_path: Path) -> None:
    file = write(tmp_path, 2)
    head = (tmp_path / HEAD).read_bytes()
    file.append([entry(), entry()])
    (tmp_path / HEAD).write_bytes(head)
    assert check(tmp_path).problems == []
    assert "the head is at 2: a program ended before it could go on" in check(tmp_path).remarks
    writer(tmp_path).append([entry()])
    assert (check(tmp_path).problems, check(tmp_path).entries) == ([], 5)


def test_old_files_are_deleted_and_the_log_says_so(tmp_path: Path) -> None:
    write(tmp_path, 40, SECRET, files=3)
    report = check(tmp_path, SECRET)
    assert (report.problems, report.files) == ([], 3)
    assert any("were deleted, as the log says" in remark for remark in report.remarks)
    audit_files(tmp_path)[0].unlink()
    assert "are missing at the start, and no entry says that they were deleted" in check(tmp_path, SECRET).problems[0]


def test_a_crash_before_old_files_are_deleted_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    file = write(tmp_path, 6, files=3)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            deque(map(file.append, ([entry(number)] for number in range(10))))
    assert check(tmp_path).problems == []
    write(tmp_path, 4, files=3)  # the next rotation deletes them
    assert (check(tmp_path).problems, check(tmp_path).files) == ([], 3)


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from otel.contract.values import AuditEvent, AuditOutcome
from server.access.audit_chain import Chain
from server.access.audit_entry import AuditEntry
from server.access.audit_file import AuditFile
file = AuditFile(Path(sys.argv[1]), Chain(), 2000, 100)
for number in range(50):
    file.append([AuditEntry(event=AuditEvent.KEY_CREATED, outcome=AuditOutcome.OK, program=sys.argv[2])])
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], cwd=ROOT) for name in ("server", "keys")
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert (check(tmp_path).problems, check(tmp_path).entries) == ([], 100)


def test_a_writer_that_is_killed_leaves_a_chain_that_goes_on(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from otel.contract.values import AuditEvent, AuditOutcome
from server.access.audit_chain import Chain
from server.access.audit_entry import AuditEntry
from server.access.audit_file import AuditFile
file = AuditFile(Path(sys.argv[1]), Chain(b"a secret of the operator"), 5000, 4)
entry = AuditEntry(event=AuditEvent.KEY_CREATED, outcome=AuditOutcome.OK, subject="x" * 300)
while True:
    file.append([entry] * 8)
    print(file.head.sequence, flush=True)
"""
    confirmed = 0
    for lines in (3, 8, 20):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(lines):
            confirmed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        report = check(tmp_path, SECRET)
        assert report.problems == []
        assert report.last.sequence >= confirmed  # what was said to be on the disk is there


def test_what_can_not_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, 2)

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(appended_file.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.append([entry()])
    assert (check(tmp_path).problems, check(tmp_path).entries) == ([], 2)
    file.append([entry()])
    assert (check(tmp_path).problems, check(tmp_path).entries) == ([], 3)


def test_a_limit_on_the_size_of_files_rotates_the_log(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from tests.unit.test_audit_chain import writer, entry
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
file = writer(Path(sys.argv[1]), max_bytes=10**6)
for number in range(10):
    file.append([entry(number)])
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True, timeout=60)
    report = check(tmp_path)
    assert (report.problems, report.entries) == ([], 10)
    assert report.files > 2


def test_a_lock_that_is_kept_is_an_error_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, 1)
    monkeypatch.setattr(audit_file, "LOCK_SECONDS", 0.05)
    with (tmp_path / HEAD).open("rb") as head:
        fcntl.flock(head, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="keeps the audit log locked"):
            file.append([entry()])
    file.append([entry()])
    assert check(tmp_path).entries == 2


@given(
    st.lists(st.binary(max_size=80_000).map(lambda line: line.replace(b"\n", b"")), max_size=3), st.binary(max_size=9)
)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_last_line_of_a_file_is_found(tmp_path: Path, lines: list[bytes], torn: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + torn.replace(b"\n", b""))
    assert last_line(path) == (lines[-1] if lines else None)


def test_the_head_has_one_length(tmp_path: Path) -> None:
    for secret in (b"", SECRET):
        assert len(Chain(secret).write_head(Link(10**15, digest(b"")))) == HEAD_BYTES


def test_a_disk_that_is_full_loses_no_entry_that_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root and the right to mount")
    try:
        file = AuditFile(folder / "audit", Chain(SECRET), 10**6, 10)
        file.append([entry()])
        (folder / "filler").write_bytes(b"x" * 48_000)
        with pytest.raises(OSError, match="No space left"):
            deque(map(file.append, repeat([entry()] * 10)), maxlen=0)
        written = file.head.sequence
        report = check(folder / "audit", SECRET)
        assert (report.problems, report.entries) == ([], written)
        (folder / "filler").unlink()
        file.append([entry()])
        report = check(folder / "audit", SECRET)
        assert (report.problems, report.entries) == ([], written + 1)
    finally:
        file.close()
        subprocess.run(["umount", str(folder)], check=True)
