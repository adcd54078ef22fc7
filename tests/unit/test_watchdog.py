"""Tests that the watchdog ends a process whose event loop hangs, and no other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from server.lifecycle import watchdog
from tests.server_process import ROOT
from tests.stack import eventually

SECONDS = 0.3
PROGRAM = """
import asyncio, sys, time
from server.lifecycle import watchdog
from server.logs import configure
def hang():
    time.sleep(300)
async def main(seconds, then):
    with watchdog.watch_event_loop(seconds):
        for number in range(5):
            await asyncio.sleep(0.02)
        print("runs", flush=True)
        exec(then, globals(), locals())
        while True:
            await asyncio.sleep(0.02)
configure("info")
asyncio.run(main(float(sys.argv[1]), sys.argv[2]))
"""


def program(seconds: float, then: str) -> subprocess.Popen[str]:
    """Starts a process whose event loop runs and then executes ``then``."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds), then],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_whose_loop_stands_still_says_where_and_ends() -> None:
    with program(SECONDS, "hang()") as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (70, "runs\n")
    *stacks, line = errors.splitlines()
    assert json.loads(line)["message"].startswith("the event loop has stopped")
    assert any(line.endswith(" in hang") for line in stacks)


def test_a_process_ends_even_when_nobody_reads_what_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = "import os; os.set_blocking(2, True); hang.__globals__['sys'].stderr.write('x' * 1_000_000)"
    with program(SECONDS, fill) as process:
        code = process.wait(60)
    assert code == -signal.SIGALRM


def test_a_process_that_was_stopped_goes_on() -> None:
    """The process is stopped for longer than the hang timeout; the watchdog does not run meanwhile either."""
    with program(SECONDS, "") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            for _ in range(3):
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(4 * SECONDS)  # the stop must exceed the hang timeout
                os.kill(process.pid, signal.SIGCONT)
                assert not eventually(lambda: process.poll() is not None, seconds=SECONDS, pause=0.05)
        finally:
            process.kill()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


async def test_it_watches_only_as_long_as_it_is_asked_to() -> None:
    ended = threading.Event()
    with watchdog.watch_event_loop(SECONDS, ended.set):
        assert "watchdog" in threads()
        await asyncio.sleep(0)
    assert await asyncio.to_thread(eventually, lambda: "watchdog" not in threads(), 10)
    assert not ended.is_set()


async def test_it_calls_for_the_end_once_the_loop_has_stood_still() -> None:
    ended = threading.Event()
    with watchdog.watch_event_loop(SECONDS, ended.set):
        assert ended.wait(60)  # blocks the event loop


async def test_0_seconds_switch_it_off() -> None:
    with watchdog.watch_event_loop(0):
        assert "watchdog" not in threads()
