"""Real haproxy and nginx before several servers, with the configuration files of deploy/routing."""

from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.installed import installed
from tests.nginx_server import MAIN
from tests.server_process import ROOT
from tests.stack import free_ports

START_SECONDS = 60.0
BACKEND = "servers"
"""The name of the servers in haproxy's configuration."""
UNUSED = re.compile(r"^ +server .*10\.0\.0\.\d:8010.*\n", re.MULTILINE)
"""A documented server that a test does not have."""


class LoadBalancer(ABC):
    """A proxy on a port of its own, before servers at ``ports``."""

    name: str
    file: str

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._program = installed(self.name)
        self.port = free_ports(["proxy"])["proxy"]
        self.url = f"http://127.0.0.1:{self.port}"
        text = (ROOT / "deploy" / "routing" / self.file).read_text()
        for number, port in enumerate(ports, 1):
            documented = f"10.0.0.{number}:8010"
            assert documented in text
            text = text.replace(documented, f"127.0.0.1:{port}")
        text = UNUSED.sub("", text)
        listens = re.sub(r"(bind :|listen )8000", rf"\g<1>{self.port}", text)
        assert listens != text
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        with (folder / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                self._command(folder, listens), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._wait()

    @abstractmethod
    def _command(self, folder: Path, text: str) -> list[str]:
        """Writes the configuration, and returns what to run."""

    @property
    def output(self) -> str:
        return "".join(path.read_text() for path in self._folder.glob("*.txt"))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.output
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} does not listen: {self.output}")


class Haproxy(LoadBalancer):
    """haproxy, with its runtime API. Servers have their agent checks at ``agents``; without them haproxy asks in vain,
    and all weights stay equal."""

    name, file = "haproxy", "haproxy.cfg"

    def __init__(self, folder: Path, ports: Sequence[int], agents: Sequence[int] = ()) -> None:
        self._socket = folder / "haproxy.sock"
        self._agents = dict(zip(ports, agents, strict=False))
        super().__init__(folder, ports)

    def _command(self, folder: Path, text: str) -> list[str]:
        documented = "/run/haproxy/ttscope.sock"
        assert text.count(documented) == 1
        text = text.replace(documented, str(self._socket))
        for port, agent in self._agents.items():
            text = text.replace(f" 127.0.0.1:{port}\n", f" 127.0.0.1:{port} agent-port {agent}\n")
        (folder / "haproxy.cfg").write_text(text)
        return [self._program, "-db", "-f", str(folder / "haproxy.cfg")]

    def running(self) -> bool:
        return self._process.poll() is None

    def command(self, text: str) -> str:
        """The answer of the runtime API."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(f"{text}\n".encode())
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode().strip()

    def servers(self) -> dict[str, dict[str, str]]:
        """What haproxy says of each server."""
        rows = csv.DictReader(self.command(f"show stat {BACKEND} 4 -1").removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows}

    def weight(self, server: str) -> int:
        """The weight of a server that counts now."""
        return int(self.servers()[server]["weight"])

    def status(self, server: str) -> str:
        """The state of a server, such as UP, DOWN, MAINT or DRAIN."""
        return self.servers()[server]["status"].split()[0]


class NginxBalancer(LoadBalancer):
    name, file = "nginx", "nginx.conf"

    def _command(self, folder: Path, text: str) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, sites=text))
        return [self._program, "-e", str(folder / "error.txt"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
