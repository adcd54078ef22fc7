"""The engine on two real Ray nodes, behind one server: speech, traces and metrics, a lost node, an upgrade."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

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
from tests.http_calls import speak
from tests.humming_provider import Told
from tests.provider_behaviour import EveryProvider
from tests.provider_speech import TEXTS, joined, say
from tests.ray_cluster import RayCluster
from tests.server_process import LiveServer

pytestmark = pytest.mark.timeout(300)
SAME_DB = 40.0
"""The least ratio of speech to difference: engines choose their number format by a measurement."""


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
    with LiveServer(folder, **cluster.environment, **exporting) as server:
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


def test_nothing_listens_beyond_the_loopback(server: LiveServer, cluster: RayCluster) -> None:
    listening = [
        connection.laddr.ip
        for process in (*cluster.processes(), psutil.Process(server.process.pid))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 10
    assert {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}
