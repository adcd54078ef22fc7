"""What a real recogniser hears in real clips: beside requests, and before they are sent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from otel.contract.recognition_values import ProbeResult, VerificationResult
from probe import rating
from probe.prober import Prober
from probe.speech_client import SpeechClient
from server.record import Synthesis
from server.utterance import Chunk, Listener
from server.verification import recognition
from server.verification.patient_recogniser import LEAST_PRIORITY
from server.verification.recognition import pool, recognise
from server.verification.verifier import Verifier
from tests.clip_judgement import hibari
from tests.http_calls import fetch, post
from tests.humming_provider import Told
from tests.provider_speech import joined, say, utterance
from tests.server_process import ROOT, LiveServer
from tests.stack import Stack, eventually

TEXT = "Please call Stella, and ask her to bring these 5 things with her from the store."
SPEECH = {"text": TEXT, "voice_name": "hibari"}


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[LiveServer]:
    with LiveServer(data_dir, TTSCOPE_PROVIDERS="onnx,hibari", TTSCOPE_RECOGNISED_SHARE="1") as server:
        yield server.wait_until_ready()
        assert server.stop() == 0
    events = [line for path in (data_dir / "events").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert sum("tts.word_error_rate" in event for event in events) >= 2
    assert "Stella" not in "".join(events)


def test_a_clip_is_recognised_beside_its_request_at_the_lowest_priority(server: LiveServer) -> None:
    status, headers, _ = post(f"{server.url}/tts", SPEECH)
    assert status == 200
    assert "X-TTS-Verification" not in headers
    metrics = f"{server.management_url}/prometheus"
    assert eventually(lambda: b'tts_recognitions_total{result="recognised"} 1' in fetch(metrics, "text/plain"))
    lines = fetch(metrics, "text/plain").decode().splitlines()
    assert 'tts_word_error_rate_count{voice_name="hibari",word_count_range="11-25"} 1.0' in lines
    (total,) = (float(line.split()[1]) for line in lines if line.startswith("tts_word_error_rate_sum{"))
    assert total <= 0.2
    workers = psutil.Process(server.process.pid).children(recursive=True)
    assert sum(worker.nice() == LEAST_PRIORITY for worker in workers) == 2  # the fork server and its process


def test_a_clip_is_recognised_before_it_is_sent(server: LiveServer) -> None:
    status, headers, body = post(f"{server.url}/tts", {**SPEECH, "verify": True})
    assert (status, body[:4]) == (200, b"RIFF")
    assert headers["X-TTS-Verification"] == "passed"
    assert float(headers["X-TTS-Word-Error-Rate"]) <= 0.2
    assert headers["X-TTS-Cache"] == "bypass"
    lines = fetch(f"{server.management_url}/prometheus", "text/plain").decode().splitlines()
    assert 'tts_verifications_total{result="passed",voice_name="hibari"} 1.0' in lines
    assert 'tts_verification_duration_seconds_count{voice_name="hibari"} 1.0' in lines


def test_the_prober_understands_the_server(server: LiveServer) -> None:
    probes = list(Prober(SpeechClient(server.url, 60), ["hibari"], seed=1).round())
    assert [probe.result for probe in probes] == [ProbeResult.UNDERSTOOD] * 2
    assert all(probe.word_error_rate is not None and probe.word_error_rate <= 0.4 for probe in probes)


def test_what_the_prober_heard_is_in_prometheus(server: LiveServer, tmp_path: Path, binaries: dict[str, Path]) -> None:
    stack = Stack(tmp_path, binaries)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TTSCOPE_", "OTEL_"))}
    own = {"TTSCOPE_PROBE_URL": server.url, "TTSCOPE_PROBE_VOICES": "hibari,nobody"}
    try:
        stack.start("prometheus", "collector")
        done = subprocess.run(
            [sys.executable, "-m", "probe", "--once"],
            cwd=ROOT,
            env={**inherited, **own, "OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoint},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        probes = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(probe["voice"], probe["result"]) for probe in probes] == [
            ("hibari", "understood"),
            ("hibari", "understood"),
            ("nobody", "failed"),
        ], done.stderr
        assert done.returncode == 1  # as a probe failed
        understood = 'tts_probe_requests_total{voice_name="hibari",result="understood"}'
        assert eventually(lambda: stack.value(understood)) == 2
        assert stack.value('tts_probe_requests_total{voice_name="nobody",result="failed"}') == 1
        measures = {"time_to_first_audio_seconds": "first_audio_seconds", "duration_seconds": "seconds"}
        for measure, seconds in {**measures, "word_error_rate": "word_error_rate"}.items():
            name = f"tts_probe_{measure}"
            assert stack.value(f'histogram_count({name}{{voice_name="hibari"}})') == 2
            expected = sum(probe[seconds] for probe in probes[:2])
            assert stack.value(f'histogram_sum({name}{{voice_name="hibari"}})') == pytest.approx(expected, abs=0.002)
        assert stack.value("time() - tts_probe_last_success_timestamp_seconds") < 300
        aspects = {labels["aspect"] for labels, _ in stack.query("tts_probe_mos")}
        assert aspects == ({"signal", "background", "overall"} if rating.available() else set())
    finally:
        stack.kill(*stack.supervisor.names)


@pytest.mark.parametrize(("field", "value"), [("stream", True), ("speed", 3.0), ("verify", "yes")])
def test_what_can_not_be_verified_is_refused(server: LiveServer, field: str, value: object) -> None:
    status, _, body = post(f"{server.url}/tts", {**SPEECH, "verify": True, field: value})
    error = json.loads(body)["error"]
    assert (status, error["param"]) == (422, "verify")
    assert error["message"].startswith("verify")


async def test_words_that_are_missing_or_repeated_are_heard() -> None:
    provider = hibari()
    await provider.start(Told())
    chunks = await say(provider, TEXT, listener=Listener())
    voice, samples, rate = provider.voices()[0], joined(chunks), chunks[0].sample_rate
    await provider.close()
    said, third = utterance(provider, TEXT), len(samples) // 3
    assert voice.sample_rate == rate
    spoiled = [np.concatenate((samples[:third], samples[2 * third :])), samples]

    async def open_clip(_: Synthesis) -> AsyncGenerator[Chunk, None]:
        yield Chunk(spoiled.pop(0), rate)

    synthesis = Synthesis(said, verify=True, deadline=asyncio.get_running_loop().time() + 100)
    try:
        sent = [chunk async for chunk in Verifier(2).speak(synthesis, open_clip)]
        sound = recognise(said, samples, rate)
        dropped = recognise(said, np.concatenate((samples[:third], samples[2 * third :])), rate)
        repeated = recognise(said, np.concatenate((samples[: len(samples) // 2], samples)), rate)
        silent = recognise(said, np.zeros_like(samples), rate)
    finally:
        pool().close()
    assert synthesis.verification is VerificationResult.CORRECTED
    assert np.array_equal(sent[0].samples, samples)
    assert sound.rate <= 0.2
    assert max(sound.missing, sound.added) <= 2
    assert dropped.missing >= 3
    assert repeated.added >= 3
    assert (silent.deletions, silent.rate) == (silent.words, 1.0)
    assert recognition.obstacle(said) is None
