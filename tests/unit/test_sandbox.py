"""Sandboxed processes: whatever becomes of one, the server gets an answer and the next request is served."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from server.lifecycle.launch import QUIET
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.sandbox.session import SandboxSession
from tests.stack import eventually

LIMITS = SandboxLimits(memory_bytes=512 * 1024**2, cpu_seconds=1, seconds=30.0)


def is_at_work(process: psutil.Process) -> bool:
    """Whether it has not ended; nobody may have asked yet how."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def restarts() -> list[int]:
    return []


@pytest.fixture
def pool(restarts: list[int]) -> Iterator[SandboxPool]:
    pool = SandboxPool("test", "tests.sandbox_target", 2, LIMITS)
    pool.restarted = lambda: restarts.append(1)
    yield pool
    pool.close()


def test_a_request_is_answered_with_its_payload(pool: SandboxPool) -> None:
    payload = os.urandom(1_000_000)
    answer = pool.ask({"do": "echo", "words": "é\n\0"}, payload)
    assert (answer.message, answer.payload) == ({"heard": "é\n\0", "kept": ["prepared"]}, payload)


@pytest.mark.parametrize("do", ["crash", "compute"])
def test_a_request_that_ends_the_process_is_to_blame_and_the_next_is_answered(
    pool: SandboxPool, restarts: list[int], do: str
) -> None:
    with pytest.raises(WorkerCrashed, match="was ended by SIG"):
        pool.ask({"do": do})
    assert restarts == [1]
    for _ in range(4):
        assert pool.ask({"do": "echo", "words": "still here"}).message["heard"] == "still here"


def test_a_process_that_is_ended_from_outside_costs_a_second_attempt_only(
    pool: SandboxPool, restarts: list[int]
) -> None:
    pool.start()
    for worker in pool.workers:
        os.kill(worker.pid or 0, signal.SIGKILL)
    assert pool.ask({"do": "echo"}).message["heard"] is None
    assert restarts


def test_a_fork_server_that_ends_costs_a_second_attempt_only(pool: SandboxPool) -> None:
    """Its processes end with it. The second attempt is not for another of them, however idle that is."""
    pool.start()
    processes = [psutil.Process(worker.pid) for worker in pool.workers]

    def busy() -> None:
        pool.workers[0].load += 1

    pool.restarted = busy
    os.kill(pool.fork_server.pid or 0, signal.SIGKILL)
    assert eventually(lambda: not any(map(is_at_work, processes)))
    assert pool.ask({"do": "echo"}).message["heard"] is None


def test_a_request_that_is_lost_twice_is_given_up(pool: SandboxPool, restarts: list[int]) -> None:
    with pytest.raises(WorkerLost):
        pool.ask({"do": "end"})
    assert len(restarts) == 2
    assert pool.ask({"do": "echo"})


def test_a_process_that_does_not_answer_in_time_is_replaced() -> None:
    pool = SandboxPool("test", "tests.sandbox_target", 1, SandboxLimits(512 * 1024**2, 1, 0.2))
    try:
        with pytest.raises(WorkerLost, match="did not answer in time"):
            pool.ask({"do": "sleep"})
        assert pool.ask({"do": "echo"})
    finally:
        pool.close()


def test_the_fork_server_itself_may_end(pool: SandboxPool) -> None:
    pool.start()
    os.kill(pool.fork_server.pid or 0, signal.SIGKILL)
    assert pool.ask({"do": "echo"}).message["kept"] == ["prepared"]


@pytest.mark.parametrize(
    "lie", ["ff" * 8, "00000002000000005b5d", "00000001000000007b"], ids=["size", "array", "broken"]
)
def test_a_process_that_sends_no_message_is_replaced(pool: SandboxPool, lie: str) -> None:
    """One that has been taken over may send anything, also sizes that would fill the server's memory."""
    with pytest.raises(WorkerLost):
        pool.ask({"do": "lie", "bytes": lie})
    assert pool.ask({"do": "echo", "words": "true"}).message["heard"] == "true"


def test_memory_files_and_the_environment_are_limited(
    pool: SandboxPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTSCOPE_REMOTE_KEY", "secret")
    monkeypatch.setenv("TTSCOPE_CACHE_SECRET", "secret")
    assert pool.ask({"do": "remember", "bytes": 1024**3}).message["error"] == "MemoryError"
    assert pool.ask({"do": "write", "path": str(tmp_path / "written")}).message["error"] == "OSError"
    answer = pool.ask({"do": "environment"}).message
    assert not [name for name in answer["names"] if name.startswith(("TTSCOPE", "AWS", "REDIS"))]
    assert QUIET.keys() <= set(answer["names"])  # libraries that call their makers are loaded here too
    for worker in pool.workers:
        worker.ask({"do": "echo"})
        status = Path(f"/proc/{worker.pid}/limits").read_text()
        assert "Max core file size        0                    0" in status
        assert "Max file size             0                    0" in status


def test_an_exception_is_named_without_its_message(pool: SandboxPool) -> None:
    assert pool.ask({"do": "raise", "words": "canary"})[:2] == ({"error": "ValueError"}, b"")


def test_requests_run_side_by_side_and_each_gets_its_own_answer(pool: SandboxPool) -> None:
    def ask(number: int) -> bool:
        if number % 10 == 3:
            with pytest.raises(WorkerCrashed):
                pool.ask({"do": "crash"})
            return True
        return bool(pool.ask({"do": "echo", "words": number}).message["heard"] == number)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(100)))


def test_a_session_stays_with_its_process_and_ends_with_it(pool: SandboxPool, restarts: list[int]) -> None:
    sessions = [SandboxSession(pool) for _ in range(4)]
    numbers = [session.ask({"do": "session"}).message["session"] for session in sessions]
    assert len(set(numbers)) == 4
    with pytest.raises(WorkerCrashed):
        sessions[0].ask({"do": "crash"})
    alive = []
    for session in sessions[1:]:
        with contextlib.suppress(WorkerLost):
            alive.append(session.ask({"do": "session"}))
    assert len(alive) == 2  # those of the other process
    assert restarts == [1]


def test_a_session_that_nobody_holds_is_forgotten(pool: SandboxPool) -> None:
    def begin_and_drop() -> int:
        session = SandboxSession(pool)
        return int(session.ask({"do": "session"}).message["session"])

    number = begin_and_drop()
    ended = SandboxSession(pool)
    forgotten = ended.ask({"do": "session"}).message["forget"]
    ended.end()
    ended.end()
    forgotten += [each for worker in pool.workers for each in worker.ask({"do": "session"}).message["forget"]]
    assert number in forgotten
    assert len(forgotten) == 2
    assert all(worker.load == 0 for worker in pool.workers)


def test_a_busy_worker_is_passed_over(pool: SandboxPool) -> None:
    taken = threading.Event()
    with pool.least_busy() as busy:
        taken.set()
        with pool.least_busy() as other:
            assert other is not busy


def test_nothing_is_left_when_the_server_is_killed(tmp_path: Path) -> None:
    """Even a process that is computing, which does not see its socket close."""
    pids = tmp_path / "pids"
    pid = os.fork()
    if not pid:
        try:
            pool = SandboxPool("test", "tests.sandbox_target", 2, SandboxLimits(512 * 1024**2, 600, 600.0))
            pool.start()
            ids = [pool.fork_server.pid, *(worker.pid for worker in pool.workers)]
            staged = pids.with_suffix(".part")
            staged.write_text(" ".join(map(str, ids)))
            staged.rename(pids)
            pool.ask({"do": "compute"})
        finally:
            os._exit(1)
    assert eventually(pids.exists)
    processes = [psutil.Process(int(each)) for each in pids.read_text().split()]
    assert len(processes) == 3
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert eventually(lambda: not any(process.is_running() for process in processes))
