"""haproxy before several servers, with the configuration of deploy/routing and one of several ways to balance."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.targets.contenders import MissingError
from bench.targets.process import ROOT, free_port
from bench.targets.routed_servers import Policy

CONFIGURATION = ROOT / "deploy" / "routing" / "haproxy.cfg"
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
AGENT = re.compile(r" agent-check agent-inter \S+ agent-port \d+")
SERVER = re.compile(r"^    server .+\n", re.MULTILINE)
START_SECONDS = 30.0
SETTLING_SECONDS = 3.0
"""The time in which the first checks of all servers are done."""


@dataclass(frozen=True, slots=True)
class Haproxy:
    """A running haproxy."""

    url: str
    runtime_socket: Path

    def requests(self) -> list[int]:
        """Returns the number of requests that each server has had."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.runtime_socket))
            connection.sendall(b"show stat servers 4 -1\n")
            text = connection.makefile().read()
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return [int(row["stot"]) for row in rows if row.get("stot")]


def configuration(policy: Policy, ports: Sequence[tuple[int, int]], port: int, runtime_socket: Path) -> str:
    """Returns the configuration for servers with these ports of the API and of the agent check."""
    text = SERVER.sub("", CONFIGURATION.read_text(encoding="utf-8")).rstrip()
    text = text.replace("balance leastconn", f"balance {policy.balance}")
    text = text.replace("bind :8000", f"bind 127.0.0.1:{port}")
    text = text.replace("/run/haproxy/ttscope.sock", str(runtime_socket))
    agents = [f" agent-port {agent}" if policy.weighted else "" for _, agent in ports]
    servers = [
        f"    server s{number} 127.0.0.1:{api}{agent}"
        for number, ((api, _), agent) in enumerate(zip(ports, agents, strict=True))
    ]
    return "\n".join([text if policy.weighted else AGENT.sub("", text), *servers, ""])


@asynccontextmanager
async def routed_by_haproxy(policy: Policy, ports: Sequence[tuple[int, int]]) -> AsyncIterator[Haproxy]:
    """Runs haproxy before the servers. Raises MissingError, and SystemExit if it does not start."""
    program = shutil.which("haproxy", path=PLACES)
    if program is None:
        raise MissingError("haproxy is not installed; on Debian: apt-get install haproxy")
    with tempfile.TemporaryDirectory() as folder:
        file, haproxy = (
            Path(folder) / "haproxy.cfg",
            Haproxy(f"http://127.0.0.1:{free_port()}", Path(folder) / "socket"),
        )
        port = int(haproxy.url.rpartition(":")[2])
        file.write_text(configuration(policy, ports, port, haproxy.runtime_socket), encoding="utf-8")
        process = psutil.Popen([program, "-q", "-db", "-f", str(file)])
        try:
            deadline = time.monotonic() + START_SECONDS
            while not haproxy.runtime_socket.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("haproxy did not start")
                await asyncio.sleep(0.05)
            await asyncio.sleep(SETTLING_SECONDS)
            yield haproxy
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)
