"""Faults of the processes that the server starts: its engine, and the sandboxed ones."""

from __future__ import annotations

import http.client
import json
import resource
import signal
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psutil

from tests.faults.fault import Losses, Mended, fault
from tests.faults.load import CLIENTS
from tests.faults.site import ENCODING, PHONEMES, Site
from tests.faults.trial import Trial

LONG = "The old man walked slowly along the river bank and watched the boats. " * 12
FIRST_BYTES = 2_000
CRASHED = Losses(failed=1)
"""The text that a process has ended on is refused: it may be the cause."""


def speaks_by_a_new_engine(site: Site, before: psutil.Process) -> bool:
    """Whether another process than ``before`` is the engine, and the server counts on it."""
    return site.engine() != before and site.exposed("tts_provider_available", provider="coqui") == 1


def replaced(site: Site, target: str, before: list[psutil.Process]) -> bool:
    """Whether there are as many processes as ``before``, and none of those that were lost."""
    now = site.workers(target)
    return len(now) >= len(before) and not any(process.is_running() and process in now for process in before[:1])


@fault(
    "SIGKILL of the engine",
    "another provider speaks; only streams that had begun are cut; a new engine is started",
    may_lose=Losses(failed=CLIENTS),
)
def engine_killed(trial: Trial) -> Iterator[Mended]:
    engine = trial.site.engine()
    engine.kill()
    yield lambda: speaks_by_a_new_engine(trial.site, engine)


@fault(
    "SIGSTOP of the engine",
    "the same, after one step has taken TTSCOPE_ENGINE_STALL_SECONDS (here 5)",
    may_lose=Losses(failed=CLIENTS),
)
def engine_stopped(trial: Trial) -> Iterator[Mended]:
    engine = trial.site.engine()
    engine.suspend()
    yield lambda: speaks_by_a_new_engine(trial.site, engine)


@fault("SIGKILL of a phoneme process", "no client notices")
def phonemes_killed(trial: Trial) -> Iterator[Mended]:
    workers = trial.site.workers(PHONEMES)
    workers[0].kill()
    yield lambda: replaced(trial.site, PHONEMES, workers)


@fault("SIGSEGV of a phoneme process", "only the text that it was given is refused", may_lose=CRASHED)
def phonemes_crashed(trial: Trial) -> Iterator[Mended]:
    workers = trial.site.workers(PHONEMES)
    workers[0].send_signal(signal.SIGSEGV)
    yield lambda: replaced(trial.site, PHONEMES, workers)


@fault("SIGSTOP of a phoneme process", "it is replaced after 30 s; the request waits, and is answered")
def phonemes_stopped(trial: Trial) -> Iterator[Mended]:
    workers = trial.site.workers(PHONEMES)
    workers[0].suspend()
    yield lambda: replaced(trial.site, PHONEMES, workers)


@fault("SIGKILL of the fork server of phonemes", "its processes end with it; all are restarted, and no client notices")
def phoneme_fork_server_killed(trial: Trial) -> Iterator[Mended]:
    before = trial.site.fork_server(PHONEMES)
    before.kill()
    yield lambda: trial.site.fork_server(PHONEMES) != before and trial.site.workers(PHONEMES)


@fault(
    "SIGSTOP of the fork server of phonemes, then SIGKILL of a phoneme process",
    "another fork server is started after 10 s; the request waits, and is answered",
)
def phoneme_fork_server_stopped(trial: Trial) -> Iterator[Mended]:
    before = trial.site.fork_server(PHONEMES)
    before.suspend()
    trial.site.workers(PHONEMES)[0].kill()
    yield lambda: trial.site.fork_server(PHONEMES) != before and trial.site.workers(PHONEMES)


@fault(
    "SIGKILL of the encoding processes in mid-stream",
    "only streams of compressed audio that had begun are cut, and clients can tell",
    may_lose=Losses(failed=CLIENTS),
)
def encoding_killed(trial: Trial) -> Iterator[Mended]:
    workers = trial.site.workers(ENCODING)
    with closing(http.client.HTTPConnection(urlsplit(trial.site.url).netloc, timeout=120)) as connection:
        body = json.dumps({"text": LONG, "response_format": "mp3", "stream": True})
        connection.request("POST", "/tts", body, {"Content-Type": "application/json"})
        trial.others += 1
        response = connection.getresponse()
        assert response.status == 200
        assert response.read(FIRST_BYTES)
        trial.mark()
        for worker in workers:
            worker.kill()
        try:
            response.read()
        except (http.client.IncompleteRead, OSError):
            pass
        else:
            raise AssertionError("a stream that broke off looks as if it were whole")
    yield lambda: replaced(trial.site, ENCODING, workers)


@fault("SIGSTOP of the encoding processes for 3 s", "requests wait, and are answered")
def encoding_stopped(trial: Trial) -> Iterator[Mended]:
    with trial.stopped(trial.site.workers(ENCODING), 3.0):
        pass
    yield trial.site.ready


@fault(
    "An encoding process that gets no more memory (RLIMIT_AS)",
    "it is replaced; only the audio that it was given is refused",
    may_lose=CRASHED,
)
def encoding_without_memory(trial: Trial) -> Iterator[Mended]:
    workers = trial.site.workers(ENCODING)
    has = workers[0].memory_info().vms
    resource.prlimit(workers[0].pid, resource.RLIMIT_AS, (has, has))
    yield lambda: replaced(trial.site, ENCODING, workers)
