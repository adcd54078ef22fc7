"""The real server and the real pipeline under supervision: what is killed comes back, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from otel.support.api_key import KEY_VARIABLE
from server.settings import secret_variables
from stack.liveness import status
from stack.policy import RestartPolicy
from stack.services import prometheus
from stack.settings import StackSettings
from stack.supervisor import Supervisor
from tests.http_calls import speak
from tests.integration.test_stack import exposed, total
from tests.server_process import ROOT, LiveServer
from tests.stack import environment_of, eventually, free_ports, settings_in

SECRETS = {"TTSCOPE_CACHE_SECRET": "a secret of the cache's", "TTSCOPE_REMOTE_KEY": "a key of another's server"}


@pytest.fixture(scope="module")
def supervised(data_dir: Path) -> Iterator[LiveServer]:
    """One for all tests, in their order: the last one ends it."""
    port = free_ports(["port"])["port"]
    with LiveServer(data_dir, module="stack.supervised", TTSCOPE_PORT=str(port), **SECRETS) as server:
        yield server.wait_until_ready()


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def the_server(supervised: LiveServer) -> psutil.Process:
    [server] = psutil.Process(supervised.process.pid).children()
    return server


def test_the_secrets_are_the_servers_alone(supervised: LiveServer) -> None:
    assert set(SECRETS) <= secret_variables()
    server = the_server(supervised)
    assert SECRETS.items() <= server.environ().items()
    others = server.children(recursive=True)
    assert any("server.engine" in process.cmdline() for process in others)
    for process in others:
        with suppress(psutil.AccessDenied):  # a sandboxed process shows its environment to root alone
            assert not secret_variables() & process.environ().keys()


def test_a_server_that_is_killed_speaks_again_and_says_so(supervised: LiveServer) -> None:
    assert speak(supervised.url, "Hello world.")[0] == 200
    assert total(exposed(supervised.url), "tts_restarts") == 0
    before = children(supervised.process.pid)
    the_server(supervised).kill()
    supervised.wait_until_ready()
    assert speak(supervised.url, "Hello again.")[0] == 200
    assert total(exposed(supervised.url), "tts_restarts") == 1
    assert [process for process in before if process.is_running()] == []
    assert b"ttscope: server was ended by SIGKILL; restart in 0.5 s\n" in supervised.logs
    assert supervised.output.count(b"ttscope is ready") == 2


def test_a_server_and_its_engine_end_with_their_supervisor(supervised: LiveServer) -> None:
    everybody = children(supervised.process.pid)
    supervised.process.kill()
    supervised.wait()
    gone, alive = psutil.wait_procs(everybody, timeout=10)
    assert (len(gone), alive) == (len(everybody), [])


def test_a_key_for_calling_servers_does_not_reach_the_engine(data_dir: Path) -> None:
    with LiveServer(data_dir, TTSCOPE_API_KEY="a key of this machine's user") as server:
        server.wait_for("listening, loading voices")
        assert eventually(
            lambda: [child for child in children(server.process.pid) if "server.engine" in child.cmdline()]
        )
        for process in children(server.process.pid):
            with suppress(psutil.AccessDenied):
                assert KEY_VARIABLE not in process.environ()


def test_a_crash_in_native_code_says_where_it_was_and_a_stop_is_in_order(data_dir: Path) -> None:
    with LiveServer(data_dir, module="stack.supervised", TTSCOPE_WATCHDOG_SECONDS="0") as supervised:
        supervised.wait_for("listening, loading voices")
        the_server(supervised).send_signal(signal.SIGSEGV)
        supervised.wait_for("listening, loading voices")
        assert b"Fatal Python error: Segmentation fault" in supervised.logs
        assert b"server was ended by SIGSEGV" in supervised.logs
        assert supervised.stop() == 0


SECRET = "a-secret-of-one-program"
OF_THE_SERVER = dict.fromkeys(secret_variables(), f"of={SECRET}")
OF_THE_DRIFT_JOB = {
    **{name: value for name, value in OF_THE_SERVER.items() if name.startswith("OTEL_")},  # they export both
    "MLFLOW_TRACKING_PASSWORD": SECRET,
    "TTSCOPE_DRIFT_WEBHOOK_URL": f"http://127.0.0.1:9/{SECRET}",
}
OF_THE_DASHBOARD = {KEY_VARIABLE: SECRET}
PROGRAMS = 7
"""Three stores, the Collector, MLflow, the drift job and the live dashboard."""


@contextmanager
def command(folder: Path) -> Iterator[tuple[subprocess.Popen[str], StackSettings]]:
    """``python -m stack`` without the server, whose output is read until it is ready; killed in the end."""
    settings = settings_in(folder)
    with subprocess.Popen(
        [sys.executable, "-m", "stack", "--without-server"],
        cwd=ROOT,
        env={**os.environ, **environment_of(settings), **OF_THE_SERVER, **OF_THE_DRIFT_JOB, **OF_THE_DASHBOARD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready after") for line in process.stdout)
            yield process, settings
        finally:
            process.kill()


def who_knows_secrets(processes: list[psutil.Process]) -> dict[str, set[str]]:
    """Returns the variables with a secret by module, of processes that have any in environment or command line."""
    found = {}
    for process in processes:
        arguments = process.cmdline()
        variables = {name for name, value in process.environ().items() if SECRET in value}
        if variables or SECRET in "".join(arguments):
            found[arguments[arguments.index("-m") + 1] if "-m" in arguments else arguments[0]] = variables
    return found


@pytest.mark.timeout(1800)  # it builds the programs, if they are not in the cache
def test_every_program_of_the_pipeline_that_is_killed_comes_back_and_none_outlives_the_supervisor(
    binaries: dict[str, Path], tmp_path: Path
) -> None:
    with command(tmp_path) as (process, settings):
        supervisor = psutil.Process(process.pid)
        killed = supervisor.children()
        assert len(killed) == PROGRAMS
        assert who_knows_secrets(supervisor.children(recursive=True)) == {
            "drift": OF_THE_DRIFT_JOB.keys(),
            "streamlit": OF_THE_DASHBOARD.keys(),
        }
        assert process.stdout is not None
        names = []
        for program in killed:
            others = {child.pid for child in supervisor.children()} - {program.pid}
            program.kill()
            line = next(line for line in process.stdout if "SIGKILL" in line)
            names.append(re.sub(" was ended by SIGKILL; restart in 0.5 s\n", "", line))
            assert next(process.stdout) == f"{names[-1]} was restarted, restart 1\n"
            assert others <= {child.pid for child in supervisor.children()}
        assert {"prometheus", "alertmanager", "collector", "mlflow", "drift", "dashboard"} < set(names)
        for port in (settings.prometheus_port, settings.alertmanager_port):
            assert eventually(lambda port=port: status(f"{settings.url(port)}/-/ready", 5) == 200)
        assert eventually(lambda: status(f"{settings.url(settings.mlflow_port)}/health", 5) == 200)
        everybody = supervisor.children(recursive=True)
        assert len(everybody) > PROGRAMS  # MLflow answers by another process
        process.kill()
        gone, alive = psutil.wait_procs(everybody, timeout=20)
        assert (len(gone), alive) == (len(everybody), [])


@pytest.mark.timeout(1800)
def test_a_store_that_is_stopped_is_killed_and_comes_back(binaries: dict[str, Path], tmp_path: Path) -> None:
    """By a policy with checks every second."""
    settings = settings_in(tmp_path)
    said: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", said.append, RestartPolicy(check_interval=1.0, check_timeout=2.0))
    try:
        supervisor.start([prometheus(settings, binaries)])
        supervisor.wait_until_ready(60)
        supervisor.tend()  # begins the first check
        assert eventually(lambda: tended(supervisor) and supervisor._children["prometheus"]._has_answered)
        stopped = supervisor.pid("prometheus")
        os.kill(stopped, signal.SIGSTOP)
        assert eventually(lambda: tended(supervisor) and supervisor.restarts("prometheus") == 1, seconds=90)
        supervisor.wait_until_ready(60)
        assert not psutil.pid_exists(stopped)
        assert said[0] == "prometheus is alive but does not answer; killing it"
    finally:
        supervisor.kill("prometheus")


def tended(supervisor: Supervisor) -> bool:
    supervisor.tend()
    return True
