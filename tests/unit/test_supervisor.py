"""Running services: who does not become ready, or dies, is named with its last words; nobody is left behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.services import Service
from stack.supervisor import ServiceError, Supervisor
from tests.stack import eventually

NOWHERE = "http://127.0.0.1:9/"
SLEEPER = "print('I sleep', flush=True); import time; time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.kill(*supervisor.names)


def python(code: str) -> Service:
    return Service("program", (sys.executable, "-c", code), NOWHERE, stop_seconds=0.5)


def wait_for_words(supervisor: Supervisor, words: str) -> None:
    eventually(lambda: words in supervisor.log("program").read_text(), pause=0.01)


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_what_does_not_become_ready_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start([python(SLEEPER)])
    wait_for_words(supervisor, "I sleep")
    with pytest.raises(ServiceError, match=r"(?s)program is not ready after 0 s.*I sleep"):
        supervisor.wait_until_ready(0.1)


def test_what_dies_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start([python("import sys; sys.exit('the port is taken')")])
    with pytest.raises(ServiceError, match=r"(?s)program has ended with exit code 1.*the port is taken"):
        supervisor.wait_until_ready(30)


def test_waiting_can_be_given_up(supervisor: Supervisor) -> None:
    supervisor.start([python(SLEEPER)])
    supervisor.wait_until_ready(30, lambda: True)
    assert supervisor.names == ("program",)


@pytest.mark.parametrize("code", [SLEEPER, DEAF])
def test_a_stop_leaves_nothing_behind(supervisor: Supervisor, code: str) -> None:
    supervisor.start([python(code)])
    wait_for_words(supervisor, "I sleep")
    pid = supervisor.pid("program")
    supervisor.stop("program")
    assert supervisor.names == ()
    assert not is_running(pid)


def test_the_log_of_the_run_before_is_kept(supervisor: Supervisor) -> None:
    for _ in range(2):
        supervisor.start([python(SLEEPER)])
        wait_for_words(supervisor, "I sleep")
        supervisor.kill("program")
    assert "I sleep" in supervisor.log("program").with_suffix(".log.1").read_text()
