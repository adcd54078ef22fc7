"""``python -m server.engine SERVER LEVEL FD ...``: started by the server, the process SERVER; a socket a thread."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

from otel.support.parent import end_with
from server.engine.server import Host
from server.lifecycle import launch
from server.logs import configure

NICENESS = 5
"""Of speaking against answering, which takes little and should be done at once: in an overload by ten the slowest in a
hundred refusals take 10.5 ms instead of 14 on two cores, and no less audio is made."""


def main(server: str, level: str, *descriptors: str) -> None:
    """Ends when the server's end of the sockets is closed, and at once with the server. Signals to the whole group are
    the server's to answer."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with(int(server))
    launch.show_crashes()
    configure(level)
    os.nice(NICENESS)
    host = Host()
    threads = [
        threading.Thread(target=host.serve, args=(socket.socket(fileno=int(descriptor)),), name=f"engine-{number}")
        for number, descriptor in enumerate(descriptors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
