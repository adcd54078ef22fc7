"""Builds missing programs, runs the pipeline and the server, restarts programs that end, and stops all on Ctrl+C."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

from otel.support.addresses import load as load_addresses
from otel.support.environment import SettingsError, read
from stack.build import BuildError, build
from stack.environment import wyoming_address
from stack.privacy import make_private
from stack.programs import needed
from stack.services import collector, dashboard, drift, mlflow, prober, server, stores
from stack.settings import StackSettings, variable
from stack.supervisor import ServiceError, Supervisor
from stack.toolchain import NoGoError

READY_SECONDS = 60.0
SERVER_READY_SECONDS = 300.0
"""The time limit of the server: it loads voices, which is slow on a slow machine."""
TEND_SECONDS = 0.25
LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPEN_TO_ALL = """\
warning: TTSCOPE_STACK_HOST is {host}. Whoever reaches this machine reaches every program of the pipeline, without a
password: reads metrics, traces and drift reports, sends telemetry to the Collector, silences alerts in Alertmanager,
changes runs in MLflow. Put a firewall before it, or a proxy that asks for a password."""


class PortsTakenError(Exception):
    """Another program listens on a port of the stack."""


def main() -> int:
    """Returns the exit code: 0 after an orderly stop, 1 if a build or a start failed, 2 for bad settings."""
    parser = argparse.ArgumentParser(prog="python -m stack", description="Builds and runs the pipeline.")
    parser.add_argument("--without-server", action="store_true", help="everything but the server")
    parser.add_argument("--without-drift", action="store_true", help="no drift job and no MLflow")
    parser.add_argument("--without-dashboard", action="store_true", help="no live dashboard")
    arguments = parser.parse_args()
    try:
        settings = read(StackSettings, variable)
        load_addresses()
    except SettingsError as error:
        return _fail(str(error), code=2)
    os.umask(0o077)  # what the programs store is for this user alone; all of them inherit it
    try:
        return run(
            settings,
            with_server=not arguments.without_server,
            with_drift=not arguments.without_drift,
            with_dashboard=not arguments.without_dashboard,
        )
    except (NoGoError, BuildError, PortsTakenError, ServiceError) as error:
        return _fail(str(error), code=1)
    except KeyboardInterrupt:  # while building
        return 130


def run(settings: StackSettings, *, with_server: bool, with_drift: bool, with_dashboard: bool) -> int:
    """Runs until a signal stops it.

    Raises NoGoError, BuildError, PortsTakenError, and ServiceError when one can't be started. Once all were ready, a
    program that ends is restarted, and the others go on.
    """
    binaries = build(needed(settings), _say)
    make_private(settings, _say)
    _check_ports(settings)
    if settings.host not in LOOPBACK:
        _say(OPEN_TO_ALL.format(host=settings.host))
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last when its terminal is closed
        signal.signal(number, ask_to_stop)
    begun = time.monotonic()
    supervisor = Supervisor(settings.data_dir.absolute() / "logs", _say)
    behind = stores(settings, binaries)
    try:
        supervisor.start((*behind, collector(settings, binaries), *([mlflow(settings)] if with_drift else [])))
        supervisor.wait_until_ready(READY_SECONDS, stop.is_set)
        if with_server and not stop.is_set():
            _say("the pipeline is ready; the server loads its voices")
            supervisor.start([server(settings)])
            supervisor.wait_until_ready(SERVER_READY_SECONDS, stop.is_set)
        readers = [*([drift(settings)] if with_drift else []), *([dashboard(settings)] if with_dashboard else [])]
        readers += [prober(settings)] if settings.probe and with_server else []
        if readers and not stop.is_set():
            supervisor.start(readers)
            supervisor.wait_until_ready(READY_SECONDS, stop.is_set)
        if not stop.is_set():
            _announce(settings, supervisor, time.monotonic() - begun)
        while not stop.wait(TEND_SECONDS):
            supervisor.tend()
        _say("stopping")
    finally:
        # In the direction of the data, so that the last of it arrives.
        supervisor.stop("probe")
        supervisor.stop("server", "drift", "dashboard")
        supervisor.stop("collector", "mlflow")
        supervisor.stop(*(service.name for service in behind))
    return 0


def _check_ports(settings: StackSettings) -> None:
    conflicts = []
    for name, port in settings.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((settings.host, port))
                continue
        conflicts.append(f"  {settings.address(port)} is taken; {variable(name)} sets another")
    if conflicts:
        raise PortsTakenError("\n".join(["the stack can't listen on all its ports:", *conflicts]))


def _announce(settings: StackSettings, supervisor: Supervisor, seconds: float) -> None:
    addresses = {
        "Collector, OTLP": f"{settings.address(settings.collector_grpc_port)} (gRPC), "
        f"{settings.address(settings.collector_http_port)} (HTTP)",
        "Prometheus": settings.url(settings.prometheus_port),
        settings.trace_store.capitalize(): settings.trace_store_url,
        "Alertmanager": settings.url(settings.alertmanager_port),
        "events": str(settings.events_folder),
        "logs": str(supervisor.log("NAME")),
    }
    if "drift" in supervisor.names:
        addresses |= {
            "MLflow": settings.url(settings.mlflow_port),
            "drift": str(settings.drift_folder / "index.html"),
        }
    if "dashboard" in supervisor.names:
        ready_url = dashboard(settings).ready_url or ""
        addresses = {"live dashboard": ready_url.removesuffix("/_stcore/health"), **addresses}
    if "server" in supervisor.names:
        port, host = wyoming_address().values()
        if port:
            addresses = {"Home Assistant": f"{host}:{port} (Wyoming)", **addresses}
        addresses = {"server": (server(settings).ready_url or "").removesuffix("/ready"), **addresses}
    lines = (f"  {name:<16} {address}" for name, address in addresses.items())
    _say("\n".join([f"\nready after {seconds:.1f} s; Ctrl+C stops all of it\n", *lines, ""]))


def _say(line: str) -> None:
    with suppress(OSError):  # its terminal is gone: what runs goes on
        print(line, flush=True)  # noqa: T201 - it is a command


def _fail(message: str, code: int) -> int:
    print(f"ttscope: {message}", file=sys.stderr)  # noqa: T201 - it is a command
    return code
