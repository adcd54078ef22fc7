"""The readings of made-up requests, and a Prometheus that stores their histograms."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel.contract import conventions, metrics
from otel.contract.instrument import Instrument
from otel.contract.labels import Source
from otel.contract.prediction_metrics import PREDICTION_RATIO
from otel.contract.ranges import CHARACTERS, WORDS
from otel.contract.values import CacheState, Predictor, Stage
from otel.sdk.recording import AllowLists

Reading = tuple[Instrument, float, dict[str, str]]

INSTANCE = "service.instance.id"
SCOPE = InstrumentationScope("ttscope", "bench")
SECONDS_PER_WORD = 0.01
HITS = 0.3
STREAMS = 0.5
KEPT = 0.05
"""The shares of requests that the cache answers, that are streamed, and whose trace is kept."""


READY_SECONDS = 60.0


def allow_lists(voices: int) -> AllowLists:
    """Returns allow-lists with so many voices."""
    names = frozenset(voice(number) for number in range(voices))
    return {source: names | {"en", "coqui"} for source in Source}


def voice(number: int) -> str:
    """Returns a name as long as those of voices are."""
    return f"en_US-voice-{number:02}"


def request(generator: random.Random, number: int) -> tuple[list[Reading], Context]:
    """Returns the readings of a spoken request of a voice, and the context in which they are recorded."""
    words = int(generator.triangular(1, 260, 20))
    hit, streamed = generator.random() < HITS, generator.random() < STREAMS
    duration = generator.lognormvariate(0, 0.5) * (0.004 if hit else 0.05 + words * SECONDS_PER_WORD)
    name, word_range = voice(number), WORDS.label(words)
    by_cache = {"voice_name": name, "cache": CacheState.HIT if hit else CacheState.MISS}
    readings: list[Reading] = [
        (metrics.REQUEST_DURATION, duration, {"endpoint": "/tts", "voice_name": name, "language": "en"}),
        (metrics.WORD_COUNT_DURATION, duration, {"word_count_range": word_range, **by_cache}),
        (metrics.CHARACTER_COUNT_DURATION, duration, {"char_count_range": CHARACTERS.label(words * 6), **by_cache}),
        (metrics.TIME_TO_FIRST_AUDIO, duration / 3, {"word_count_range": word_range, "voice_name": name}),
        (metrics.AUDIO_DURATION, words * 0.35, {"voice_name": name}),
        (
            metrics.GEN_AI_DURATION,
            duration,
            {
                conventions.OPERATION_NAME: conventions.TEXT_TO_SPEECH,
                conventions.PROVIDER_NAME: "coqui",
                conventions.REQUEST_MODEL: name,
            },
        ),
    ]
    if streamed:
        readings.append((metrics.STREAM_UNDERRUN, 0.0, {"voice_name": name}))
    if not hit:
        factor = duration / (words * 0.35)
        readings.append((metrics.REAL_TIME_FACTOR, factor, {"word_count_range": word_range, "voice_name": name}))
        readings.append((metrics.PROVIDER_DURATION, duration, {"provider": "coqui"}))
        ratio = generator.lognormvariate(0, 0.3)
        readings.append((PREDICTION_RATIO, ratio, {"predictor": Predictor.MODEL, "word_count_range": word_range}))
    readings += [(metrics.STAGE_DURATION, duration / len(Stage), {"stage": stage}) for stage in Stage]
    flags = TraceFlags(TraceFlags.SAMPLED if generator.random() < KEPT else 0)
    span = SpanContext(generator.getrandbits(128), generator.getrandbits(64), is_remote=False, trace_flags=flags)
    return readings, set_span_in_context(NonRecordingSpan(span), Context())


def otlp(exported: list[Metric], instance: str = "bench") -> bytes:
    """Returns an export of these metrics of a server as the exporter sends it, without compression."""
    scope, resource = ScopeMetrics(SCOPE, exported, ""), Resource({"service.name": "ttscope", INSTANCE: instance})
    return bytes(encode_metrics(MetricsData([ResourceMetrics(resource, [scope], "")])).SerializeToString())


def built() -> Path | None:
    """Returns the newest Prometheus that make stack has built."""
    cache = os.environ.get("TTSCOPE_CACHE_DIR")
    folder = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ttscope"
    return next(
        iter(sorted(folder.glob("stack/prometheus-*/prometheus"), key=lambda path: -path.stat().st_mtime)), None
    )


class Prometheus:
    """A running Prometheus that takes OTLP, and what another one forwards."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._folder = folder

    def is_ready(self) -> bool:
        """Returns whether it answers."""
        try:
            self._ask("GET", "/-/ready")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def send(self, body: bytes) -> None:
        """Sends an export. Raises HTTPException if it is refused."""
        self._ask("POST", "/api/v1/otlp/v1/metrics", body)

    @property
    def write_url(self) -> str:
        """The URL to which another Prometheus forwards."""
        return f"http://127.0.0.1:{self._port}/api/v1/write"

    def head_series(self) -> int:
        """Returns the number of series in memory."""
        return int(self.metric("prometheus_tsdb_head_series"))

    def metric(self, name: str) -> float:
        """Returns the sum of a metric of its own over all labels."""
        lines = (line.rpartition(" ") for line in self._ask("GET", "/metrics").decode().splitlines())
        return sum(float(value) for series, _, value in lines if series.partition("{")[0] == name)

    def stored_bytes(self) -> tuple[int, int]:
        """Returns the bytes of all samples and of their index on the disk, as one block."""
        self._ask("POST", "/api/v1/admin/tsdb/snapshot")
        blocks = self._folder / "snapshots"
        chunks = sum(path.stat().st_size for path in blocks.glob("*/*/chunks/*"))
        index = sum(path.stat().st_size for path in blocks.glob("*/*/index"))
        shutil.rmtree(blocks)
        return chunks, index

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, body, {"Content-Type": "application/x-protobuf"} if body else {})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise http.client.HTTPException(f"Prometheus answered {answer.status} to {method} {path}")
        return content


@contextmanager
def running_prometheus(binary: Path, folder: Path, store: Prometheus | None = None) -> Iterator[Prometheus]:
    """Starts Prometheus in a folder, waits until it is ready, and stops it at the end; it forwards to ``store``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "prometheus.yml"
    forwarded = [{"url": store.write_url, "send_native_histograms": True}] if store else []
    taken = {"promote_resource_attributes": [INSTANCE]}
    configuration.write_text(json.dumps({"otlp": taken, "remote_write": forwarded}))  # JSON is YAML
    command = [
        str(binary),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-otlp-receiver",
        "--web.enable-remote-write-receiver",
        "--web.enable-admin-api",
        "--log.level=error",
    ]
    prometheus = Prometheus(port, folder / "data")
    deadline = time.monotonic() + READY_SECONDS
    with subprocess.Popen(command) as process:  # noqa: S603 - the command is our own
        try:
            while not prometheus.is_ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("Prometheus did not become ready")
                time.sleep(0.1)
            yield prometheus
        finally:
            process.terminate()
