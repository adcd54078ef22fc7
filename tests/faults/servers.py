"""Faults of the server itself, and of its supervisor."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psutil

from tests.faults.fault import ANY, Losses, Mended, fault
from tests.faults.load import CLIENTS
from tests.faults.site import Site
from tests.faults.trial import Trial
from tests.faults.workers import FIRST_BYTES, LONG
from tests.server_process import ROOT

AWAY_SECONDS = 5.0
A_SECOND = 40
"""Requests that end in the second before a crash, at most: what is exported every second, and lost by it."""
CRASH = Losses(failed=CLIENTS, unanswered=ANY, events=A_SECOND, counts=A_SECOND, traces=A_SECOND)


def another(site: Site, before: psutil.Process) -> bool:
    """Whether a server that is not the one ``before`` can speak."""
    return site.server() != before and site.ready()


@fault(
    "SIGKILL of the server",
    "it is restarted; requests in flight are named and counted; records of the last second may be lost",
    may_lose=CRASH,
)
def server_killed(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    processes = server.children(recursive=True)
    server.kill()
    yield lambda: another(trial.site, server)
    assert not psutil.wait_procs(processes, timeout=10)[1], "processes outlive their server"


@fault("SIGSEGV of the server", "the same, and the log shows where it crashed", may_lose=CRASH)
def server_crashed(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    server.send_signal(signal.SIGSEGV)
    yield lambda: another(trial.site, server)


@fault(
    "SIGSTOP of the server",
    "after three checks of 10 s without an answer it is killed and restarted",
    may_lose=CRASH,
    seconds=300.0,
)
def server_stopped(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    trial.until_watched(server)
    server.suspend()
    yield lambda: another(trial.site, server)


@fault("SIGSTOP of the server for 5 s, then SIGCONT", "requests wait, and are answered; nothing is lost")
def server_paused(trial: Trial) -> Iterator[Mended]:
    with trial.stopped([trial.site.server()], AWAY_SECONDS):
        pass
    yield trial.site.ready


@fault(
    "SIGTERM of the server in mid-stream",
    "every request that had begun is answered completely; nothing is lost; new requests fail until the next start",
    may_lose=Losses(unanswered=ANY),
)
def server_told_to_end(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    with closing(http.client.HTTPConnection(urlsplit(trial.site.url).netloc, timeout=120)) as connection:
        connection.request(
            "POST", "/tts", json.dumps({"text": LONG, "stream": True}), {"Content-Type": "application/json"}
        )
        trial.others += 1
        response = connection.getresponse()
        assert response.status == 200
        read = len(response.read(FIRST_BYTES))
        trial.mark()
        server.send_signal(signal.SIGTERM)
        read += len(response.read())  # IncompleteRead, if it were cut
        trial.note(f"a stream that had begun got all of its {read:,} bytes")
    yield lambda: another(trial.site, server)


@fault("SIGINT of the server, twice", "the second signal ends it at once", may_lose=CRASH)
def server_interrupted_twice(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    server.send_signal(signal.SIGINT)
    trial.pause(0.2)  # signals of one kind that wait become one
    trial.mark()
    server.send_signal(signal.SIGINT)
    server.wait(30)
    trial.note(f"it ended after {time.monotonic() - trial.marked:.1f} s")
    yield lambda: another(trial.site, server)


@fault("A second server on the same data folder", "it ends and says why; the first server continues", place="server")
def second_server(trial: Trial) -> Iterator[Mended]:
    environment = {**trial.site.environment(), "TTSCOPE_PORT": "0", "PROMETHEUS_PORT": "0"}
    second = subprocess.run(
        [sys.executable, "-m", "server"], cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False
    )
    assert second.returncode == 1, f"it ended with {second.returncode}"
    assert b"another server works on the data folder" in second.stderr
    yield trial.site.ready


@fault(
    "SIGKILL of the supervisor of the stack",
    "all its programs end at once, none is left behind; the next start finds its ports free",
    may_lose=CRASH,
    seconds=300.0,
)
def supervisor_killed(trial: Trial) -> Iterator[Mended]:
    supervisor = trial.site.supervisor()
    processes = supervisor.children(recursive=True)
    supervisor.kill()
    gone, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive, f"{len(alive)} processes are left behind"
    trial.note(f"{len(gone)} processes ended within {time.monotonic() - trial.marked:.1f} s")
    trial.site.start()
    yield trial.site.ready


@fault("SIGSTOP of the supervisor for 5 s, then SIGCONT", "its programs continue; nothing is lost")
def supervisor_paused(trial: Trial) -> Iterator[Mended]:
    with trial.stopped([trial.site.supervisor()], AWAY_SECONDS):
        trial.until_spoken()
    yield trial.site.ready
