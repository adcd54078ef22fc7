"""The engine on two real Ray nodes, behind one server: speech, traces and metrics, a lost node, an upgrade."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pytest
import pytest_asyncio

from server.audio.wav_reader import WavReader
from server.providers.coqui import CoquiProvider
from server.providers.ray import RayProvider
from server.providers.ray_link import RayLink
from server.voices.catalogue import Catalogue
from server.voices.manifest import checksum
from tests.collector import Collector
from tests.counting_engine import until
from tests.http_calls import fetch, speak
from tests.humming_provider import Told
from tests.provider_behaviour import EveryProvider
from tests.provider_speech import TEXTS, joined, say
from tests.ray_cluster import RayCluster
from tests.replicas import traffic
from tests.server_process import LiveServer
from tests.service_client import samples

pytestmark = pytest.mark.timeout(300)
CLIENTS = 6
"""Requests at a time."""
SAME_DB = 30.0
"""The least ratio of speech to difference. Engines choose their number format by a measurement, and the same speech in
bfloat16 and float32 has a ratio of 38 to 41 dB."""


def without_chance(voice: Path) -> None:
    """Makes an installed voice say the same thing in the same way each time."""
    for name in ("config.json", "voice.json"):
        content = json.loads((voice / name).read_text())
        if name == "config.json":
            content["model_args"] |= {"inference_noise_scale": 0.0, "inference_noise_scale_dp": 0.0}
        else:
            content["files"]["config.json"] = hashlib.sha256((voice / "config.json").read_bytes()).hexdigest()
            content["checksum"] = checksum(content["files"])
        (voice / name).unlink()  # it is a link to the installed voice's
        (voice / name).write_text(json.dumps(content))


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    without_chance(data_dir / "voices" / "joe")
    return data_dir


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()


@pytest.fixture(scope="module")
def cluster(folder: Path, collector: Collector) -> Iterator[RayCluster]:
    exporting = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    cluster = RayCluster(folder, **exporting)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def server(cluster: RayCluster, folder: Path, collector: Collector) -> Iterator[LiveServer]:
    exporting = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    with LiveServer(folder, TTSCOPE_CACHE_BYTES="0", **cluster.environment, **exporting) as server:
        yield server.wait_until_ready()
        assert server.stop() == 0


def speech(server: LiveServer, text: str, **body: object) -> np.ndarray:
    status, _, answer = speak(server.url, text, **body)
    assert status == 200, answer
    return WavReader().feed(answer)


async def said_alone(folder: Path, text: str) -> np.ndarray:
    """What the engine says without a cluster."""
    installed = Catalogue.scan(folder / "voices").voices.values()
    provider = CoquiProvider(installed, device="cpu", threads=1, max_audio_seconds=60.0, log=logging.getLogger("test"))
    await provider.start(Told())
    try:
        return joined(await say(provider, text))
    finally:
        await provider.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_audio_is_that_of_the_engine_alone(server: LiveServer, folder: Path) -> None:
    expected = await said_alone(folder, TEXTS[0])
    for streamed in (False, True):
        heard = speech(server, TEXTS[0], stream=streamed)
        assert heard.shape == expected.shape
        difference = float(np.square(heard - expected).sum())
        assert 10 * np.log10(float(np.square(expected).sum()) / difference) > SAME_DB


@pytest.mark.asyncio(loop_scope="module")
class TestAsEveryProvider(EveryProvider):
    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    async def provider(self, cluster: RayCluster, folder: Path) -> AsyncIterator[RayProvider]:
        """The provider in this process, which joins the cluster too."""
        installed = Catalogue.scan(folder / "voices").voices.values()
        provider = RayProvider(
            (each.voice for each in installed),
            link=RayLink(cluster.environment["TTSCOPE_RAY_ADDRESS"]),
            max_audio_seconds=60.0,
            log=logging.getLogger("test"),
        )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in cluster.environment.items():
                patch.setenv(name, value)
            await provider.start(Told())
            yield provider
            await provider.close()


def attributes(record: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in record.attributes}


def trace(collector: Collector, trace_id: str) -> list[Any]:
    return [span for span in collector.spans() if span.trace_id.hex() == trace_id]


async def test_one_trace_leads_from_the_door_to_the_replica(server: LiveServer, collector: Collector) -> None:
    caller = "0af7651916cd43dd8448eb211c80319c"
    async with aiohttp.ClientSession() as session:
        headers = {"traceparent": f"00-{caller}-b7ad6b7169203331-01"}
        async with session.post(f"{server.url}/tts", json={"text": TEXTS[1]}, headers=headers) as response:
            assert response.status == 200
            await response.read()
            assert response.headers["X-Trace-ID"] == caller
    await until(lambda: any(span.name == "POST /tts" for span in trace(collector, caller)))
    spans = trace(collector, caller)
    [door] = [span for span in spans if span.name == "POST /tts"]
    steps = [span for span in spans if "tts.replica" in attributes(span)]
    assert {span.name for span in steps} - {"queue"} == {"phonemize", "infer", "decode"}
    assert len({attributes(span)["tts.replica"] for span in steps}) == 1
    for span in steps:
        assert span.parent_span_id == door.span_id
        assert door.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= door.end_time_unix_nano
    assert [attributes(span)["tts.provider"] for span in spans if span.name == "attempt"] == ["ray"]


def last_points(collector: Collector, name: str) -> dict[str, list[Any]]:
    """The last exported points of a metric, by service.instance.id."""
    points: dict[str, list[Any]] = {}
    for export in [each for each in collector.received if hasattr(each, "resource_metrics")]:
        for resource in export.resource_metrics:
            instance = attributes(resource.resource)["service.instance.id"]
            for metric in [each for scope in resource.scope_metrics for each in scope.metrics if each.name == name]:
                points[instance] = list(getattr(metric, metric.WhichOneof("data")).data_points)
    return points


async def test_each_metric_of_a_replica_arrives_once(server: LiveServer, collector: Collector) -> None:
    """What happens in replicas is reported by them, and the requests by the server."""
    await until(lambda: len(last_points(collector, "tts.model.load_time")) == 2)
    replicas = set(last_points(collector, "tts.model.load_time"))
    for text in TEXTS[:3]:
        speech(server, text)
    await until(lambda: len(last_points(collector, "tts.requests")) == 1)
    [door] = last_points(collector, "tts.requests")
    assert door not in replicas
    for name in ("tts.batch_size", "tts.batch_padding"):
        counts = {
            instance: sum(each.count for each in points) for instance, points in last_points(collector, name).items()
        }
        assert sum(counts[instance] for instance in counts if instance in replicas) > 0
        assert counts.get(door, 0) == 0
    engines = {
        instance: [point for point in points if attributes(point)["worker"] == "engine"]
        for instance, points in last_points(collector, "tts.worker.restarts").items()
    }
    assert replicas <= engines.keys()
    requests = set(last_points(collector, "tts.provider.requests"))
    assert {instance for instance in requests if instance in replicas} == set()


def test_nothing_listens_beyond_the_loopback(server: LiveServer, cluster: RayCluster) -> None:
    listening = [
        connection.laddr.ip
        for process in (*cluster.processes(), psutil.Process(server.process.pid))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 10
    assert {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}


async def test_an_upgrade_under_load_fails_no_request(server: LiveServer, cluster: RayCluster) -> None:
    async with traffic([server.url], count=2) as seen:
        await seen.until(2)
        await asyncio.to_thread(cluster.deploy)
        await seen.until(4)
    assert seen.failures == []


@dataclass
class Heard:
    """What a client got of a request."""

    streamed: bool
    status: int = 0
    size: int = 0
    whole: bool = False


async def listen(session: aiohttp.ClientSession, url: str, number: int, heard: list[Heard]) -> None:
    """Sends a request, and notes what came of it."""
    answer = Heard(streamed=bool(number % 2))
    heard.append(answer)
    body = {"text": f"{number}. {' '.join(TEXTS[:4])}", "stream": answer.streamed}
    try:
        async with session.post(f"{url}/tts", json=body) as response:
            answer.status = response.status
            async for piece in response.content.iter_any():
                answer.size += len(piece)
            answer.whole = response.status == 200
    except aiohttp.ClientError:
        return


async def test_a_lost_node_costs_only_streams_that_had_begun(server: LiveServer, cluster: RayCluster) -> None:
    def losses() -> list[float]:
        text = fetch(f"{server.management_url}/metrics", "text/plain").decode()
        retried = samples(text, "tts_provider_fallbacks_total", **{"from": "ray", "to": "ray"})
        return [sum(retried), sum(samples(text, "tts_errors_total", error_type="replica_lost"))]

    retried_before, cut_before = losses()
    heard: list[Heard] = []
    async with aiohttp.ClientSession() as session:
        first = [asyncio.create_task(listen(session, server.url, number, heard)) for number in range(CLIENTS)]
        await until(lambda: any(answer.size for answer in heard))
        cluster_killed = asyncio.create_task(asyncio.to_thread(cluster.kill_node))
        others = [asyncio.create_task(listen(session, server.url, CLIENTS + number, heard)) for number in range(2)]
        await asyncio.gather(cluster_killed, *first, *others)
    cut = [answer for answer in heard if not answer.whole]
    assert all(answer.streamed and answer.status == 200 and answer.size > 44 for answer in cut)
    retried, ended = losses()
    assert ended - cut_before == len(cut)
    assert retried - retried_before + len(cut) > 0
    speech(server, TEXTS[3])


def test_no_text_is_in_a_log(server: LiveServer, cluster: RayCluster) -> None:
    """After all of the above: Ray logs replicas that end, requests that fail, and what replicas write."""
    assert speak(server.url, f"{TEXTS[1]} xylocanary", speed=4)[0] == 200
    logs = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert len(logs) > 20
    for word in (b"Stella", b"xylocanary"):
        assert [path.name for path in logs if word in path.read_bytes()] == []
        assert word not in server.logs
