"""The real server under OTEL_* variables: both protocols, delta temporality, callers in b3, and what can't be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from otel.sdk.variables import VARIABLES
from tests.certificates import Certificates, certificates_in
from tests.collector import Collector, HTTPCollector
from tests.server_process import ROOT, LiveServer
from tests.service_client import Client, Start

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Environment = dict[str, str]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return certificates_in(tmp_path)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("receiver", [Collector, HTTPCollector], ids=["grpc", "http"])
async def test_all_signals_arrive_with_headers_over_tls(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    certificates: Certificates,
    receiver: type[Collector | HTTPCollector],
) -> None:
    collector = receiver(certificates)
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if receiver is Collector else "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=for%20all",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "api-key=for%20events",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificates.authority),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(certificates.client_key),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificates.client),
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a%2Cb",
        "OTEL_SERVICE_NAME": "voices",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = await start()
    status, headers, _ = await client.tts({"text": "hello there"})
    assert status == 200
    await client.service.stop()
    collector.stop()
    assert headers["X-Trace-ID"] in {span.trace_id.hex() for span in collector.spans()}
    assert [event.event_name for event in collector.events()] == ["tts.request"]
    assert {"tts.requests", "tts.request.duration"} <= collector.metric_names()
    assert {sent["api-key"] for sent in collector.headers} == {"for all", "for events"}
    if receiver is HTTPCollector:
        assert {sent["content-encoding"] for sent in collector.headers} == {"gzip"}
    metrics = [metric for metric in collector.metrics() if metric.HasField("histogram")]
    metrics += [metric for metric in collector.metrics() if metric.HasField("sum") and metric.sum.is_monotonic]
    temporalities = {metric.name: getattr(metric, metric.WhichOneof("data")) for metric in metrics}
    assert {data.aggregation_temporality for data in temporalities.values()} == {AGGREGATION_TEMPORALITY_DELTA}
    for message in collector.received:
        for resource in next(iter(message.ListFields()))[1]:
            attributes = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            assert attributes["service.name"] == "voices"
            assert attributes["deployment.environment.name"] == "a,b"


@pytest.mark.parametrize(
    ("propagators", "header", "is_continued"),
    [
        ("b3", {"b3": f"{TRACE}-{PARENT}-1"}, True),
        ("b3", {"b3": f"{TRACE}-{PARENT}-0"}, False),
        ("b3multi,tracecontext", {"X-B3-TraceId": TRACE, "X-B3-SpanId": PARENT, "X-B3-Sampled": "1"}, True),
        ("b3", {"traceparent": f"00-{TRACE}-{PARENT}-01"}, False),
    ],
)
async def test_a_caller_in_b3_is_continued_by_the_same_rules(
    start: Start, monkeypatch: pytest.MonkeyPatch, propagators: str, header: dict[str, str], is_continued: bool
) -> None:
    monkeypatch.setenv("OTEL_PROPAGATORS", propagators)
    client = await start()
    status, headers, _ = await client.tts({"text": "hello there"}, headers=header)
    assert status == 200
    assert (headers["X-Trace-ID"] == TRACE) is is_continued
    [root] = await _root_spans(client, str(headers["X-Trace-ID"]))
    assert root["parent_span_id"] == (PARENT if is_continued else None)
    links = [] if is_continued or "traceparent" in header else [{"trace_id": TRACE, "span_id": PARENT}]
    assert root["links"] == links


async def _root_spans(client: Client, trace_id: str) -> list[dict[str, object]]:
    trace = await client.json(f"/traces/{trace_id}")
    return [span for span in trace["spans"] if span["kind"] == "SERVER"]


@pytest.mark.parametrize(("sampler", "sampled"), [("always_on", True), ("always_off", False)])
async def test_a_sampler_decides_on_every_trace(
    start: Start, monkeypatch: pytest.MonkeyPatch, sampler: str, sampled: bool
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    client = await start(traces_per_second=0)
    for _ in range(30):
        assert (await client.refused({"text": "hello", "voice_name": "nobody"}))[0] == 404
    assert len((await client.json("/traces"))["last"]) == (30 if sampled else 0)


def test_all_that_cant_be_used_is_said_before_the_server_starts(tmp_path: Path) -> None:
    environment = {
        "OTEL_PROPAGATORS": "jaeger",
        "OTEL_CONFIG_FILE": "sdk.yaml",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317",
        "OTEL_EXPORTER_OTLP_HEADERS": "SECRET",
    }
    with LiveServer(tmp_path, **environment) as server:
        assert server.wait() == 2
    for name in environment:
        assert f"  {name}: must ".encode() in server.logs
    assert b"SECRET" not in server.logs


WRONG = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "10s",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "zip",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem",
    "OTEL_BSP_MAX_QUEUE_SIZE": "many",
    "OTEL_BLRP_SCHEDULE_DELAY": "soon",
    "OTEL_METRIC_EXPORT_INTERVAL": "soon",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "few",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "few",
    "OTEL_METRICS_EXEMPLAR_FILTER": "some",
}
SIGNALS_OFF = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
SPEAK = """
import asyncio, sys
from pathlib import Path
import aiohttp
from server.app import Service  # as server.__main__ does, before the settings are read
from server.settings import load
from tests.humming_provider import HummingProvider

async def main():
    settings = load().model_copy(update={"port": 0, "management_port": 0, "data_dir": Path(sys.argv[1])})
    service = Service(settings, [HummingProvider()])
    await (await service.start())
    async with aiohttp.ClientSession() as session, session.post(service.url + "/tts", json={"text": "hello"}) as answer:
        print(answer.status)
    await service.stop()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "environment",
    [
        {**WRONG, **SIGNALS_OFF, "OTEL_PROPAGATORS": "", "OTEL_SDK_DISABLED": "", "OTEL_RESOURCE_ATTRIBUTES": " "},
        {**WRONG, "OTEL_SDK_DISABLED": "true", "OTEL_PROPAGATORS": "jaeger", "OTEL_CONFIG_FILE": "sdk.yaml"},
        dict.fromkeys(VARIABLES, ""),
    ],
    ids=["signals off", "disabled", "empty"],
)
def test_what_is_switched_off_or_empty_does_not_keep_the_server_from_starting(
    tmp_path: Path, environment: Environment
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SPEAK, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "200\n"), run.stderr
    assert "Traceback" not in run.stderr
