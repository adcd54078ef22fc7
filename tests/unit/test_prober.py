"""The prober: what it asks, and how it reports what it heard."""

from __future__ import annotations

import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Thread
from typing import Any, ClassVar

import numpy as np
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader

from otel.contract import probe_metrics as instruments
from otel.contract.recognition_values import MosAspect, ProbeResult
from otel.sdk.histograms import HistogramStore
from probe import prober, rating
from probe.probe_metrics import ProbeMetrics
from probe.prober import Probe, Prober
from probe.sentences import COUNT, FIXED, generated
from probe.settings import load
from probe.speech_client import ProbeFailed, SpeechClient
from server.verification.spoken_words import spoken_words

RESULTS = ProbeResult
PCM = (np.sin(np.arange(24_000) / 10) * 10_000).astype("<i2").tobytes()


class SpeechServer(BaseHTTPRequestHandler):
    """Answers as a server whose voice hums."""

    status: ClassVar[int] = 200
    seen: ClassVar[list[tuple[str, str]]] = []
    """The path and the key of each request."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        voices = b'{"id": "joe", "languages": ["en-us"]}, {"id": "hans", "languages": ["de"]}'
        self._answer(b'{"voices": [%s]}' % voices)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(PCM)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(SpeechServer, "seen", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), SpeechServer)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the recogniser hears, one after the other; without any, the sentence itself."""
    texts: list[str] = []
    said: list[str] = []
    speak = SpeechClient.speak

    def keep(client: SpeechClient, text: str, voice: str) -> Any:
        said.append(text)
        return speak(client, text, voice)

    monkeypatch.setattr(SpeechClient, "speak", keep)
    monkeypatch.setattr(prober, "hear", lambda *_: texts.pop(0) if texts else said[-1])
    monkeypatch.setattr(rating, "available", lambda: False)
    return texts


def test_each_round_has_a_fixed_and_a_generated_sentence_of_each_voice(url: str, heard: list[str]) -> None:
    probes = list(Prober(SpeechClient(url, 10), ["*"], seed=1).round())
    assert [(probe.voice, probe.result) for probe in probes] == [
        ("joe", RESULTS.UNDERSTOOD),
        ("joe", RESULTS.UNDERSTOOD),
        ("hans", RESULTS.NOT_RECOGNISED),
    ]
    assert [probe.word_error_rate for probe in probes] == [0.0, 0.0, None]
    for probe in probes:
        assert probe.first_audio_seconds is not None
        assert probe.seconds is not None
        assert 0 < probe.first_audio_seconds <= probe.seconds


def test_words_that_are_missing_are_a_failure(url: str, heard: list[str]) -> None:
    heard[:] = ["the old man", FIXED[0]]
    first, second = Prober(SpeechClient(url, 10), ["joe"], seed=1).round()
    assert (first.result, first.failed) == (RESULTS.MISUNDERSTOOD, True)
    assert first.word_error_rate is not None
    assert first.word_error_rate > 0.5
    assert second.voice == "joe"


def test_a_server_that_refuses_or_is_gone_is_a_failure_with_its_reason(
    url: str, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SpeechClient(url, 10)
    missing = list(Prober(client, ["nobody"], seed=1).round())
    assert [(probe.result, probe.reason) for probe in missing] == [
        (RESULTS.FAILED, "the server does not offer this voice to this key")
    ]
    monkeypatch.setattr(SpeechServer, "status", 503)
    assert [(probe.voice, probe.reason) for probe in Prober(client, ["joe"], 1).round()] == [("joe", "status 503")]
    with pytest.raises(ProbeFailed, match="status 503"):
        client.speak("One.", "joe")
    gone = list(Prober(SpeechClient("http://127.0.0.1:9", 10), ["joe"], 1).round())
    assert [(probe.result, probe.reason) for probe in gone] == [(RESULTS.FAILED, "ConnectionError")]


def test_its_key_goes_with_every_request(url: str, heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_API_KEY", "secret")
    list(Prober(SpeechClient(url, 10), ["joe"], 1).round())
    assert SpeechServer.seen == [("/v1/audio/voices", "Bearer secret"), *[("/tts", "Bearer secret")] * 2]


def test_generated_sentences_are_new_and_can_be_made_again() -> None:
    first, again = ([generated(random.Random(f"1 {number} joe")) for number in range(200)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 200
    assert all(8 <= len(spoken_words(sentence)) <= 22 for sentence in (*first, *FIXED))
    assert any(character.isdigit() for character in COUNT)


def test_what_was_heard_is_reported_by_voice() -> None:
    stores: list[HistogramStore] = []
    reader = InMemoryMetricReader()

    def readers(histograms: HistogramStore) -> list[MetricReader]:
        stores.append(histograms)
        return [reader]

    metrics = ProbeMetrics(readers, "http://localhost:8010")
    metrics.record(Probe("joe", RESULTS.FAILED, "status 503"))
    metrics.record(Probe("joe", RESULTS.UNDERSTOOD, "", 0.1, 0.5, 0.25, {MosAspect.OVERALL: 3.5}))
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    assert resource.resource.attributes["service.name"] == "ttscope-probe"
    points = {
        (metric.name, point.attributes.get("result")): point.value
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert points["tts.probe.requests", "understood"] == points["tts.probe.requests", "failed"] == 1
    assert points["tts.probe.requests", "misunderstood"] == 0
    assert points["tts.probe.last_success.timestamp", None] > 1.7e9
    names = {instrument.name for instrument, series in stores[0].snapshot().items() if series}
    assert names == {
        each.name
        for each in (
            instruments.PROBE_FIRST_AUDIO,
            instruments.PROBE_DURATION,
            instruments.PROBE_WORD_ERROR_RATE,
            instruments.PROBE_MOS,
        )
    }
    metrics.close()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_PROBE_VOICES", "joe, hans,")
    monkeypatch.setenv("TTSCOPE_PROBE_URL", "https://speech.example/")
    settings = load()
    assert settings.voices == ("joe", "hans")
    assert settings.url == "https://speech.example"
    assert settings.interval_seconds == 60


@pytest.mark.skipif(find_spec("speechmos") is None, reason="speechmos is not installed: install the extra verify")
def test_noise_has_a_low_score() -> None:
    rng = np.random.default_rng(1)
    scores = rating.rate(rng.normal(0, 0.1, 24_000).astype(np.float32), 24_000)
    assert scores.keys() == set(MosAspect)
    assert all(0.5 < score < 2.5 for score in scores.values())
