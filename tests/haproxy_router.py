"""A real haproxy for tests, with the configuration of deploy/routing."""

from __future__ import annotations

import csv
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.server_process import ROOT
from tests.stack import free_ports

CONFIGURATION = ROOT / "deploy" / "routing" / "haproxy.cfg"
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
"""Where to look for the program: Debian's folder is not in the PATH of every user."""
BACKEND = "servers"
SERVER = re.compile(r"^    server (\w) 10\.0\.0\.\d:8010$", re.MULTILINE)


class Haproxy:
    """haproxy on a port of its own, before servers with these ports of the API and of the agent check."""

    def __init__(self, folder: Path, ports: list[tuple[int, int]]) -> None:
        program = shutil.which("haproxy", path=PLACES)
        if program is None:
            if os.environ.get("CI") == "true":
                pytest.fail("haproxy is not installed, and CI must test behind it: apt-get install haproxy")
            pytest.skip("haproxy is not installed: apt-get install haproxy")
        self.port = free_ports(["haproxy"])["haproxy"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._socket = folder / "haproxy.sock"
        configuration = CONFIGURATION.read_text()
        assert len(SERVER.findall(configuration)) >= len(ports)
        servers = [
            f"    server {name} 127.0.0.1:{port} agent-port {agent}"
            for name, (port, agent) in zip(SERVER.findall(configuration), ports, strict=False)
        ]
        changes = {"bind :8000": f"bind 127.0.0.1:{self.port}", "/run/haproxy/ttscope.sock": str(self._socket)}
        for documented, used in changes.items():
            assert configuration.count(documented) == 1
            configuration = configuration.replace(documented, used)
        lines = SERVER.sub("", configuration).rstrip()
        (folder / "haproxy.cfg").write_text("\n".join([lines, *servers, ""]))
        self._log = (folder / "haproxy.log").open("wb")
        self._process = subprocess.Popen(
            [program, "-db", "-f", str(folder / "haproxy.cfg")],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def listening(self) -> bool:
        """Whether the runtime API answers."""
        return self._socket.exists()

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

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()
