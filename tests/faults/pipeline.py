"""Faults of the programs behind the server: Collector, Prometheus, trace store, Alertmanager, Redis."""

from __future__ import annotations

from collections.abc import Iterator

from stack.liveness import status
from tests.faults.fault import ANY, Losses, Mended, fault
from tests.faults.load import CLIENTS
from tests.faults.places import StackSite
from tests.faults.trial import Trial

ANSWER_SECONDS = 5.0
HANGS = "after three checks of 10 s without an answer it is killed and restarted; "
KEEPS = "the Collector queues its data, and nothing is lost"


def site_of(trial: Trial) -> StackSite:
    assert isinstance(trial.site, StackSite)
    return trial.site


def is_back(site: StackSite, name: str, before: int, url: str) -> bool:
    """Whether another process than ``before`` answers at ``url``."""
    return site.program(name).pid != before and status(url, ANSWER_SECONDS) == 200


def address(site: StackSite, name: str) -> str:
    """Where a program says that it is ready."""
    settings = site.stack.settings
    return {
        "collector": f"{settings.url(settings.collector_health_port)}/",
        "prometheus": f"{settings.url(settings.prometheus_port)}/-/ready",
        "alertmanager": f"{settings.url(settings.alertmanager_port)}/-/ready",
        "jaeger": f"{settings.url(settings.jaeger_health_port)}/status",
        "tempo": f"{settings.url(settings.tempo_port)}/ready",
    }[name]


def killed(trial: Trial, name: str) -> Iterator[Mended]:
    """A program is killed, and comes back by itself."""
    site = site_of(trial)
    program = site.program(name)
    program.kill()
    yield lambda: is_back(site, name, program.pid, address(site, name))


def stopped(trial: Trial, name: str) -> Iterator[Mended]:
    """A program hangs, and is replaced."""
    site = site_of(trial)
    program = site.program(name)
    trial.until_watched(program)
    program.suspend()
    yield lambda: is_back(site, name, program.pid, address(site, name))


@fault(
    "SIGKILL of the Collector",
    "speech continues; exports wait in the server; the Collector's last second of events may be lost",
    may_lose=Losses(events=40),
)
def collector_killed(trial: Trial) -> Iterator[Mended]:
    yield from killed(trial, "collector")


@fault(
    "SIGSTOP of the Collector",
    f"{HANGS}meanwhile the server gives up each batch after 10 s, and counts what is lost (otel_sdk_*)",
    may_lose=Losses(events=ANY, traces=ANY),
)
def collector_stopped(trial: Trial) -> Iterator[Mended]:
    before = trial.site.given_up("log")
    yield from stopped(trial, "collector")
    counted = round(trial.site.given_up("log") - before)
    trial.counted_losses = range(counted + 1)
    trial.note(f"{counted} events are counted as given up")


@fault("SIGKILL of Prometheus", f"speech continues; {KEEPS}")
def prometheus_killed(trial: Trial) -> Iterator[Mended]:
    yield from killed(trial, "prometheus")


@fault("SIGSTOP of Prometheus", f"{HANGS}{KEEPS}")
def prometheus_stopped(trial: Trial) -> Iterator[Mended]:
    yield from stopped(trial, "prometheus")


@fault("SIGKILL of the trace store", f"speech continues; {KEEPS}")
def trace_store_killed(trial: Trial) -> Iterator[Mended]:
    yield from killed(trial, site_of(trial).stack.trace_store)


@fault("SIGSTOP of the trace store", f"{HANGS}{KEEPS}")
def trace_store_stopped(trial: Trial) -> Iterator[Mended]:
    yield from stopped(trial, site_of(trial).stack.trace_store)


@fault("SIGKILL of Alertmanager", "speech continues; nothing is lost")
def alertmanager_killed(trial: Trial) -> Iterator[Mended]:
    yield from killed(trial, "alertmanager")


@fault("SIGKILL of Redis", "speech continues without the shared cache; nothing is lost")
def redis_killed(trial: Trial) -> Iterator[Mended]:
    site = site_of(trial)
    site.redis.kill()
    trial.until_spoken()
    site.redis.start()
    yield trial.site.ready


@fault(
    "SIGSTOP of Redis, then SIGCONT",
    "a lookup takes at most 50 ms, and then Redis is not used for a while; nothing is lost",
)
def redis_stopped(trial: Trial) -> Iterator[Mended]:
    site = site_of(trial)
    site.redis.halt()
    try:
        trial.until_spoken(4 * CLIENTS)
    finally:
        site.redis.go_on()
    yield trial.site.ready
