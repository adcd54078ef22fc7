"""The supervisor's restarts: what ends is started again, alone, ever more slowly; what hangs is ended first."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack.log_file import LogFile
from stack.policy import RestartPolicy
from stack.services import ROOT, Service
from stack.supervisor import Supervisor
from tests.stack import eventually, free_ports

QUICK = RestartPolicy(
    first_delay=0.02, largest_delay=0.08, check_interval=0.1, check_timeout=0.5, missed_checks=2, stacks_timeout=0.5
)
LISTENING = """
import faulthandler, http.server, signal, sys, time
faulthandler.register(signal.SIGQUIT)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("I listen", flush=True)
def hang():
    time.sleep(300)
"""
ANSWERING = LISTENING + "server.serve_forever()"
MUTE = LISTENING + "hang()"
HANGING = LISTENING + "server.handle_request()\nhang()"
"""After one answer."""


class Restarting:
    """A supervisor whose loop a test runs, and what it has said."""

    def __init__(self, folder: Path, policy: RestartPolicy = QUICK) -> None:
        self.said: list[str] = []
        self.supervisor = Supervisor(folder, self.said.append, policy)

    def until(self, condition: object) -> None:
        """Tends until the condition holds."""
        assert callable(condition)

        def tended() -> bool:
            self.supervisor.tend()
            return bool(condition())

        assert eventually(tended, pause=0.01), self.said


@pytest.fixture
def restarting(tmp_path: Path) -> Iterator[Restarting]:
    restarting = Restarting(tmp_path)
    yield restarting
    restarting.supervisor.kill(*restarting.supervisor.names)


def sleeper(name: str) -> Service:
    return Service(name, ("sleep", "300"), None)


def python(code: str, *arguments: str, url: str | None = None) -> Service:
    return Service("program", (sys.executable, "-c", code, *arguments), url)


def command(pid: int) -> list[str]:
    """Empty once the process has ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    return []


def test_each_program_that_is_killed_is_started_again_and_the_others_stay(restarting: Restarting) -> None:
    names = ("prometheus", "alertmanager", "server")
    supervisor = restarting.supervisor
    supervisor.start(sleeper(name) for name in names)
    for name in names:
        before = {each: supervisor.pid(each) for each in names}
        assert eventually(lambda name=name: command(supervisor.pid(name)) == ["sleep", "300"], pause=0.01)
        os.kill(before[name], signal.SIGKILL)
        restarting.until(lambda name=name, before=before: supervisor.pid(name) != before[name])
        assert eventually(lambda name=name: command(supervisor.pid(name)), pause=0.01)  # empty for a moment within exec
        assert {each: supervisor.pid(each) for each in names if each != name} == {
            each: pid for each, pid in before.items() if each != name
        }
        assert supervisor.restarts(name) == 1
    assert [line for line in restarting.said if "SIGKILL" in line] == [
        f"{name} was ended by SIGKILL; restart in 0.02 s" for name in names
    ]


def test_a_program_that_ends_again_and_again_is_started_ever_more_slowly(restarting: Restarting) -> None:
    restarting.supervisor.start([python("import sys; print('I was here', flush=True); sys.exit(3)")])
    restarting.until(lambda: restarting.supervisor.restarts("program") == 5)
    delays = [found[1] for line in restarting.said if (found := re.search(r"exit code 3; restart in (\S+) s", line))]
    assert delays[:5] == ["0.02", "0.04", "0.08", "0.08", "0.08"]
    log = restarting.supervisor.log("program").read_text()
    assert log.count("I was here") >= 5  # what was written before a restart stays


def test_a_program_that_was_well_for_long_begins_with_the_first_delay(tmp_path: Path) -> None:
    restarting = Restarting(tmp_path, replace(QUICK, healthy_after=0.0))
    restarting.supervisor.start([python("")])
    restarting.until(lambda: restarting.supervisor.restarts("program") == 3)
    restarting.supervisor.kill("program")
    assert {line for line in restarting.said if "restart in" in line} == {
        "program has ended with exit code 0; restart in 0.02 s"
    }


def test_delays_double_up_to_the_largest_however_often_it_fails() -> None:
    policy = RestartPolicy()
    assert [policy.delay(failures) for failures in (1, 2, 3, 7, 1_000_000)] == [0.5, 1.0, 2.0, 30.0, 30.0]


def test_a_program_that_cannot_be_run_says_so_in_its_log(restarting: Restarting) -> None:
    restarting.supervisor.start([Service("program", ("/nowhere/program",), None)])
    restarting.until(lambda: restarting.supervisor.restarts("program") >= 1)
    assert "program has ended with exit code 127; restart in 0.02 s" in restarting.said
    assert "/nowhere/program: No such file" in restarting.supervisor.log("program").read_text()


@pytest.fixture
def port() -> str:
    return str(free_ports(["port"])["port"])


def answering(port: str, code: str = ANSWERING) -> Service:
    return python(code, port, url=f"http://127.0.0.1:{port}/")


def wait_for_words(restarting: Restarting, words: str, times: int = 1) -> None:
    restarting.until(lambda: restarting.supervisor.log("program").read_text().count(words) >= times)


def test_a_program_that_is_stopped_is_killed_and_started_again(restarting: Restarting, port: str) -> None:
    supervisor = restarting.supervisor
    supervisor.start([answering(port), sleeper("other")])
    wait_for_words(restarting, "I listen")
    other, pid = supervisor.pid("other"), supervisor.pid("program")
    child = supervisor._children["program"]
    restarting.until(lambda: child._has_answered)
    os.kill(pid, signal.SIGSTOP)
    wait_for_words(restarting, "I listen", times=2)
    assert "program is alive but does not answer; killing it" in restarting.said
    assert (command(pid), supervisor.pid("other")) == ([], other)


def test_a_program_that_hangs_writes_where_before_it_is_killed(restarting: Restarting, port: str) -> None:
    restarting.supervisor.start([answering(port, HANGING)])
    wait_for_words(restarting, "I listen", times=2)
    log = restarting.supervisor.log("program").read_text()
    assert re.search(r"most recent call first.*in hang", log, re.DOTALL)


def test_a_program_that_answers_is_left_alone_and_so_is_one_that_never_has(restarting: Restarting, port: str) -> None:
    restarting.supervisor.start([answering(port), replace(sleeper("never"), ready_url="http://127.0.0.1:9/")])
    checks = 0

    def checked() -> bool:
        nonlocal checks
        child = restarting.supervisor._children["never"]
        checks = child._liveness._missed if child._liveness else 0
        return checks > 5 * QUICK.missed_checks and restarting.supervisor._children["program"]._has_answered

    restarting.until(checked)
    assert restarting.said == []


def test_a_program_that_hangs_at_its_restart_is_killed_too(tmp_path: Path, port: str) -> None:
    restarting = Restarting(tmp_path, replace(QUICK, start_timeout=1.0))
    once = tmp_path / "once"
    code = (
        f"import pathlib\nonce = pathlib.Path({str(once)!r})\nbegun = once.exists()\nonce.touch()\n"
        f"exec({MUTE!r} if begun else {ANSWERING!r})"
    )
    restarting.supervisor.start([answering(port, code)])
    restarting.until(lambda: restarting.supervisor._children["program"]._has_answered)
    os.kill(restarting.supervisor.pid("program"), signal.SIGKILL)
    wait_for_words(restarting, "I listen", times=3)
    assert "program is alive but does not answer; killing it" in restarting.said


WITH_A_CHILD = "import subprocess, sys; print(subprocess.Popen(['sleep', '300']).pid, flush=True); {then}"


def test_what_a_program_leaves_behind_is_ended_before_it_is_started_again(restarting: Restarting) -> None:
    restarting.supervisor.start([python(WITH_A_CHILD.format(then="sys.exit(1)"))])
    restarting.until(lambda: restarting.supervisor.restarts("program") == 2)
    left = [int(line) for line in restarting.supervisor.log("program").read_text().split()]
    assert [pid for pid in left[:2] if command(pid)] == []


OVERSEER = """
import sys, time
from pathlib import Path
from stack.services import Service
from stack.supervisor import Supervisor
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
supervisor = Supervisor(Path(sys.argv[1]))
supervisor.start([Service("one", ("sleep", "300"), None), Service("two", (sys.executable, "-c", deaf), None)])
while "deaf" not in supervisor.log("two").read_text():
    time.sleep(0.01)
print(supervisor.pid("one"), supervisor.pid("two"), flush=True)
while True:
    supervisor.tend()
    time.sleep(0.05)
"""


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", OVERSEER, str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as overseer:
        assert overseer.stdout is not None
        pids = [int(pid) for pid in overseer.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(command, pids))
        overseer.kill()
        overseer.wait()
    assert eventually(lambda: not any(map(command, pids)), seconds=10, pause=0.01)


def test_a_program_whose_supervisor_is_gone_already_does_not_begin() -> None:
    parent = ROOT / "otel" / "support" / "parent.py"
    arguments = [sys.executable, str(parent), str(os.getppid()), str(int(signal.SIGTERM)), "echo", "begun"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_a_program_gets_the_signals_that_python_ignores(restarting: Restarting) -> None:
    restarting.supervisor.start([Service("program", ("grep", "SigIgn", "/proc/self/status"), None)])
    restarting.until(lambda: "SigIgn" in restarting.supervisor.log("program").read_text())
    ignored = int(restarting.supervisor.log("program").read_text().split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1))


def test_a_log_that_grows_is_cut_and_what_was_in_it_is_kept_once(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "program.log")
    with log.open() as file:
        for block in (b"a" * 100, b"b" * 100, b"c"):
            file.write(block)
            file.flush()
            log.limit(99)
    assert log.path.read_bytes() == b"c"  # without a gap of zeros where the rest was
    assert (tmp_path / "program.log.1").read_bytes() == b"b" * 100


def test_a_log_that_cannot_be_kept_is_cut_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(tmp_path / "program.log")
    log.path.write_bytes(b"a" * 100)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    log.limit(99)
    assert log.path.read_bytes() == b""


def test_a_log_that_somebody_deleted_stops_nobody(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "program.log")
    log.path.unlink()
    log.limit()
