"""Tests the journal of requests in flight: the next server always learns which requests were open."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.lifecycle import journal as module
from server.lifecycle.journal import FILE_NAME, HEADER, SLOT, Journal, LostRequest
from tests.examples import examples

SLOTS = 4
UUIDS = st.uuids().map(str)
IDS = st.one_of(
    UUIDS,
    UUIDS.map(lambda written: written.replace("-", "")),
    UUIDS.map(lambda written: written.replace("-", "", 2)),
    UUIDS.map(lambda written: f"{written[:23]}{written[24:]}"),
)
TRACES = st.integers(0, 2**128 - 1)
ENDPOINTS = st.sampled_from(["/tts", "/v1/audio/speech", "/api/tts", "/process"])
METHODS = st.sampled_from(["GET", "POST"])
Request = tuple[str, int, str, str, int]


class Server(RuleBasedStateMachine):
    """Requests start and end, and servers crash: a crash leaves exactly the requests that were in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.open: dict[int, Request] = {}
        self.unnamed = 0
        self.began = 0
        self.journal = Journal(Path(self.folder.name), SLOTS)
        self.journal.begin()

    @rule(request_id=IDS, trace_id=TRACES, endpoint=ENDPOINTS, method=METHODS)
    def begin(self, request_id: str, trace_id: int, endpoint: str, method: str) -> None:
        self.began += 1
        request = (request_id, trace_id, endpoint, method, self.began)
        slot = self.journal.open(*request)
        if len(self.open) == SLOTS:
            assert slot == 0
            self.unnamed += 1
        else:
            assert slot not in {0, *self.open}
            self.open[slot] = request

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.open)))
        self.journal.clear(slot)
        del self.open[slot]

    @precondition(lambda self: self.unnamed)
    @rule()
    def end_unnamed(self) -> None:
        self.journal.clear(0)
        self.unnamed -= 1

    @rule(reported=st.booleans())
    def crash(self, reported: bool) -> None:
        """The next server reads the journal, and may itself crash before it has reported the lost requests."""
        left = [LostRequest(*request, same_boot=True) for request in self.open.values()]
        for _ in range(1 if reported else 2):
            following = Journal(Path(self.folder.name), SLOTS)
            named = [request for request in following.lost if request.request_id]
            assert named == sorted(left, key=lambda request: request.began_unix)
            assert len(following.lost) - len(named) == self.unnamed
        following.begin()
        assert Journal(Path(self.folder.name), SLOTS).lost == []
        following = Journal(Path(self.folder.name), SLOTS)
        following.begin()
        self.journal, self.open, self.unnamed = following, {}, 0

    @invariant()
    def its_file_keeps_its_size(self) -> None:
        assert (Path(self.folder.name) / FILE_NAME).stat().st_size == HEADER.size + SLOTS * SLOT.size

    def teardown(self) -> None:
        self.folder.cleanup()


TestServer = Server.TestCase
TestServer.settings = settings(max_examples=examples(40), stateful_step_count=25)


@given(st.binary(max_size=600), st.booleans())
def test_a_damaged_file_keeps_no_server_from_starting(data: bytes, ours: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE_NAME).write_bytes((module.MAGIC if ours else b"") + data)
        journal = Journal(Path(folder), SLOTS)
        assert all(isinstance(request, LostRequest) for request in journal.lost)
        journal.begin()
        assert Journal(Path(folder), SLOTS).lost == []


def test_a_method_that_is_not_known_is_not_repeated(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SLOTS)
    journal.begin()
    journal.open(str(uuid.uuid4()), 1, "/tts", "SECRETWORDS", 5)
    assert b"SECRET" not in (tmp_path / FILE_NAME).read_bytes()
    assert Journal(tmp_path, SLOTS).lost[0].method == "other"


def test_a_machine_that_has_started_again_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, SLOTS)
    journal.begin()
    journal.open(str(uuid.uuid4()), 1, "/tts", "POST", 5)
    (tmp_path / "boot").write_text(str(uuid.uuid4()))
    monkeypatch.setattr(module, "BOOT_ID", tmp_path / "boot")
    assert [request.same_boot for request in Journal(tmp_path, SLOTS).lost] == [False]
    monkeypatch.setattr(module, "BOOT_ID", tmp_path / "none")
    assert [request.same_boot for request in Journal(tmp_path, SLOTS).lost] == [False]


def test_it_is_for_the_server_alone(tmp_path: Path) -> None:
    Journal(tmp_path, SLOTS).begin()
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_without_room_there_is_none_and_the_old_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, SLOTS)
    journal.begin()
    journal.open(str(uuid.uuid4()), 1, "/tts", "POST", 5)

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        Journal(tmp_path, SLOTS)
    monkeypatch.undo()
    assert len(Journal(tmp_path, SLOTS).lost) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_what_a_process_wrote_is_there_after_its_death(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import os, sys; from pathlib import Path; from server.lifecycle.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), 4); journal.begin()\n"
        "journal.clear(journal.open('0' * 32, 1, '/tts', 'POST', 1))\n"
        "journal.open('a' * 32, 2, '/api/tts', 'GET', 2)\n"
        "os.kill(os.getpid(), int(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(int(number))]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": "."}, check=False).returncode == -number
    assert Journal(tmp_path, SLOTS).lost == [LostRequest("a" * 32, 2, "/api/tts", "GET", 2, same_boot=True)]
