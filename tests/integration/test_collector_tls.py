"""The real Collector behind TLS with clients' certificates, over both protocols."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Certificates, certificates_in
from tests.service_client import Start
from tests.stack import eventually, free_ports


@dataclass(frozen=True)
class SecureCollector:
    """A running Collector that writes what it accepts to files of OTLP JSON lines."""

    certificates: Certificates
    folder: Path
    ports: dict[str, int]

    def accepted(self, signal: str, service: str) -> list[dict[str, Any]]:
        """The requests of ``service``; a line that is still being written is left out."""
        path = self.folder / f"{signal}.jsonl"
        complete = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [json.loads(line) for line in complete if f'"{service}"' in line]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory, binaries: dict[str, Path]) -> Iterator[SecureCollector]:
    folder = tmp_path_factory.mktemp("collector")
    certificates, ports = certificates_in(folder), free_ports(["grpc", "http"])
    tls = {
        "cert_file": str(certificates.server),
        "key_file": str(certificates.server_key),
        "client_ca_file": str(certificates.authority),
    }
    signals = ("traces", "metrics", "logs")
    config = {
        "receivers": {
            "otlp": {"protocols": {name: {"endpoint": f"127.0.0.1:{port}", "tls": tls} for name, port in ports.items()}}
        },
        "exporters": {f"file/{signal}": {"path": str(folder / f"{signal}.jsonl")} for signal in signals},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {signal: {"receivers": ["otlp"], "exporters": [f"file/{signal}"]} for signal in signals},
        },
    }
    path = folder / "collector.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(binaries["collector"]), f"--config=file:{path}"], stderr=log, stdout=log)
    try:
        assert eventually(lambda: b"Everything is ready" in (folder / "log").read_bytes())
        yield SecureCollector(certificates, folder, ports)
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize(("protocol", "port"), [("grpc", "grpc"), ("http/protobuf", "http")])
async def test_the_real_collector_accepts_all_signals(
    start: Start, monkeypatch: pytest.MonkeyPatch, collector: SecureCollector, protocol: str, port: str
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    certificates, service = collector.certificates, f"over-{port}"
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{collector.ports[port]}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificates.authority),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(certificates.client_key),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificates.client),
        "OTEL_SERVICE_NAME": service,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = await start()
    assert (await client.tts({"text": "hello there"}))[0] == 200
    await client.service.stop()
    for signal in ("traces", "metrics", "logs"):
        assert eventually(lambda signal=signal: collector.accepted(signal, service))
    names = {
        metric["name"]
        for request in collector.accepted("metrics", service)
        for resource in request["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }
    assert names & {"tts.requests", "http.server.active_requests"}
