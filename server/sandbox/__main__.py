"""``python -m server.sandbox FD TARGET``: the fork server of one target, which the server starts.

It loads the native library once, and then forks a process whenever the server requests one. That takes a millisecond; a
new interpreter would take half a second. It never reads a client's input.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable

from otel.support.parent import end_with
from server.sandbox import wire
from server.sandbox.limits import SandboxLimits, allow_cpu, confine

Handle = Callable[[wire.Message, bytes], tuple[wire.Message, bytes]]
"""A target's function from a request to its response. For an exception, the response is only its class name."""


def main(descriptor: str, target: str) -> None:
    """Forks and reaps until the server closes its end of the socket."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole process group; the server handles them
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable()
    module = importlib.import_module(target)
    module.prepare()
    control = socket.socket(fileno=int(descriptor))
    with contextlib.suppress(EOFError, ConnectionError):
        wire.send(control, {"ready": True})
        while True:
            request, _ = wire.receive(control)
            if request["do"] == "fork":
                _fork(control, module.handle, SandboxLimits(**request["limits"]))
            else:
                _, status = os.waitpid(request["pid"], 0)  # it was killed, so this returns at once
                wire.send(control, {"status": status})


def _fork(control: socket.socket, handle: Handle, limits: SandboxLimits) -> None:
    server_end, worker_end = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        worker_end.close()
        socket.send_fds(control, [wire.frame({"pid": pid})], [server_end.fileno()])
        server_end.close()
        return
    try:
        control.close()
        server_end.close()
        end_with(parent)
        confine(limits)
        _serve(worker_end, handle, limits)
    finally:
        os._exit(0)  # the fork server's cleanup must not run twice


def _serve(connection: socket.socket, handle: Handle, limits: SandboxLimits) -> None:
    """Answers requests until the server closes its end of the socket."""
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            request, payload = wire.receive(connection)
            allow_cpu(limits.cpu_seconds)
            try:
                answer, data = handle(request, payload)
            except Exception as error:  # noqa: BLE001 - its message may contain the client's input
                answer, data = {"error": type(error).__name__}, b""
            wire.send(connection, answer, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
