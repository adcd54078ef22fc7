"""The server alone under supervision: a crash is followed by a restart, all else is as without a supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stack.services import ROOT
from tests.stack import eventually

PROGRAM = """
import sys
from stack.policy import RestartPolicy
from stack.services import Service
from stack.supervised import run
policy = RestartPolicy(first_delay=0.02, largest_delay=0.05)
sys.exit(run(Service("server", (sys.executable, "-c", *sys.argv[1:]), None), policy))
"""
STUB = """
import os, signal, sys, time
from pathlib import Path
runs = Path(sys.argv[1])
number = len(runs.read_text()) if runs.exists() else 0
runs.write_text("x" * (number + 1))
end = sys.argv[2:][number:number + 1] or ["serve"]
print("run", number, os.getpid(), flush=True)
if end[0].startswith("SIG"):
    os.kill(os.getpid(), getattr(signal, end[0]))
if end[0] != "serve":
    sys.exit(int(end[0]))
def stop(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print("stopping", flush=True)
    if "drain" not in sys.argv:
        sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
print("serving", flush=True)
while True:
    time.sleep(0.01)
"""


class Supervised:
    """A supervised stub, whose runs end as ``ends`` say; the last one serves."""

    def __init__(self, folder: Path, *ends: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, STUB, str(folder / "runs"), *ends],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> tuple[int, list[str], list[str]]:
        """The exit code, and all lines that were written."""
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output.splitlines(), errors.splitlines()

    def pid(self) -> int:
        """The stub's, once it serves."""
        pid = 0
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("run "):
                pid = int(line.split()[2])
            if line.startswith("serving"):
                return pid
        raise AssertionError("it never served")


@contextmanager
def supervised(folder: Path, *ends: str) -> Iterator[Supervised]:
    running = Supervised(folder, *ends)
    try:
        yield running
    finally:
        running.process.kill()  # nothing to one that has ended; its stub ends with it
        running.process.wait()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_server_that_cannot_start_or_has_ended_well_is_not_started_again(tmp_path: Path, code: int) -> None:
    with supervised(tmp_path, str(code)) as running:
        ended, output, errors = running.wait()
    assert (ended, len(output), errors) == (code, 1, [])


def test_a_crash_is_told_and_followed_by_a_restart(tmp_path: Path) -> None:
    with supervised(tmp_path, "SIGSEGV", "70", "1", "SIGKILL", "0") as running:
        ended, output, errors = running.wait()
    assert ended == 0
    assert [line.split()[:2] for line in output] == [["run", str(number)] for number in range(5)]
    assert [line for line in errors if "restart in" in line] == [
        "ttscope: server was ended by SIGSEGV; restart in 0.02 s",
        "ttscope: server has ended with exit code 70; restart in 0.04 s",
        "ttscope: server has ended with exit code 1; restart in 0.05 s",
        "ttscope: server was ended by SIGKILL; restart in 0.05 s",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_in_order_with_the_servers_own_exit_code(tmp_path: Path, number: int) -> None:
    with supervised(tmp_path, "70") as running:
        running.pid()
        running.process.send_signal(number)
        code, output, errors = running.wait()
    assert (code, output) == (0, ["stopping"])
    assert len(errors) == 2  # about the first run


def test_a_second_signal_is_handed_on(tmp_path: Path) -> None:
    with supervised(tmp_path, "serve", "drain") as running:
        running.pid()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.stdout is not None
        assert running.process.stdout.readline() == "stopping\n"
        running.process.send_signal(signal.SIGTERM)
        code, _, _ = running.wait()
        assert code == 128 + signal.SIGTERM


def is_pending(pid: int, number: int) -> bool:
    """Whether a process that is stopped has been sent the signal."""
    [bits] = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "ShdPnd" in line]
    return bool(int(bits, 16) & (1 << (number - 1)))


def test_a_third_signal_kills_a_server_that_hangs(tmp_path: Path) -> None:
    with supervised(tmp_path) as running:
        pid = running.pid()
        os.kill(pid, signal.SIGSTOP)
        assert eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, pause=0.01)
        for number in (signal.SIGTERM, signal.SIGINT):
            running.process.send_signal(number)
            assert eventually(lambda number=number: is_pending(pid, number), pause=0.01)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 128 + signal.SIGKILL


def test_a_server_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path) as running:
        pid = running.pid()
        running.process.kill()
        running.process.wait()
        assert eventually(lambda: not psutil.pid_exists(pid), seconds=10, pause=0.01)
