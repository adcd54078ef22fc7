"""The Collector with the pipeline's own configuration, before another one that stands for all stores and drops all."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from bench.targets.contenders import MissingError
from bench.targets.process import ROOT, free_port

CONFIGURATION = ROOT / "stack" / "config" / "collector.yaml"
START_SECONDS = 30.0
PROMETHEUS_PATH = "/api/v1/otlp"


@dataclass(frozen=True, slots=True)
class RunningCollector:
    """The Collector that is measured."""

    url: str
    """Where it takes OTLP over HTTP."""
    process: psutil.Popen

    def cpu_seconds(self) -> float:
        """Returns its processor time."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def built_collector() -> Path:
    """Returns the newest Collector that make stack has built. Raises MissingError."""
    cache = os.environ.get("TTSCOPE_CACHE_DIR")
    folder = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ttscope"
    programs = sorted(folder.glob("stack/collector-*/collector"), key=lambda path: path.stat().st_mtime)
    if not programs:
        raise MissingError("there is no Collector; run make stack once")
    return programs[-1]


def sink(grpc: int, http: int) -> str:
    """Returns the configuration of the Collector that drops all: JSON, which is YAML."""
    protocols = {
        "grpc": {"endpoint": f"127.0.0.1:{grpc}"},
        "http": {"endpoint": f"127.0.0.1:{http}", "metrics_url_path": f"{PROMETHEUS_PATH}/v1/metrics"},
    }
    pipelines = {name: {"receivers": ["otlp"], "exporters": ["file"]} for name in ("traces", "metrics")}
    return json.dumps(
        {
            "receivers": {"otlp": {"protocols": protocols}},
            "exporters": {"file": {"path": "/dev/null"}},
            "service": {"pipelines": pipelines, "telemetry": {"metrics": {"level": "none"}}},
        }
    )


@asynccontextmanager
async def running_collector() -> AsyncIterator[RunningCollector]:
    """Runs both. Raises MissingError when there is none, and SystemExit if they do not start."""
    program = built_collector()
    grpc, http, sink_grpc, sink_http, health = (free_port() for _ in range(5))
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "COLLECTOR_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{grpc}",
            "COLLECTOR_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{http}",
            "COLLECTOR_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
            "COLLECTOR_DATA_DIR": folder,
            "TRACES_OTLP_ENDPOINT": f"127.0.0.1:{sink_grpc}",
            "PROMETHEUS_URL": f"http://127.0.0.1:{sink_http}",
        }
        last = Path(folder) / "sink.json"
        last.write_text(sink(sink_grpc, sink_http), encoding="utf-8")
        processes = []
        with (Path(folder) / "log").open("wb") as log:
            for configuration in (last, CONFIGURATION):
                command = [str(program), f"--config=file:{configuration}"]
                own = {**os.environ, **environment}
                processes.append(psutil.Popen(command, env=own, stdout=log, stderr=log))
        try:
            await until_healthy(health)
            yield RunningCollector(f"http://127.0.0.1:{http}", processes[-1])
        finally:
            for process in reversed(processes):
                process.terminate()
                await asyncio.to_thread(process.wait)


async def until_healthy(port: int) -> None:
    """Returns when the Collector is ready. Raises SystemExit."""
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, OSError):
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise SystemExit("the Collector did not start")
