"""The same seed makes the same bytes: alone and under load, whole and streamed, cached, and after a restart."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import torch

from bench import golden
from server.engine import precision
from tests.http_calls import fetch, post, speak
from tests.server_process import LiveServer

TEXT = "The old man walked slowly along the river bank and watched the boats. Was it 3:30 already? It was."
SAMPLES = {"response_format": "pcm", "sample_rate": 22050, "cache": False}
CLIENTS = 16
SEED = "X-TTS-Seed"


ENGINE = {
    "TTSCOPE_PROVIDERS": "coqui",
    "TTSCOPE_NUMBER_FORMAT": "bfloat16" if precision.candidates(torch.device("cpu")) else "float32",
}
"""On a starved machine another provider could take over, and a measurement could choose another number format."""


@pytest.fixture(scope="module")
def server_url(data_dir: Path) -> Iterator[str]:
    with LiveServer(data_dir, **ENGINE) as server:
        yield server.wait_until_ready().url
        assert server.stop() == 0


@pytest.fixture(scope="module")
def restarted(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Another process, with another engine's process, that decodes every window on one core."""
    folder = tmp_path_factory.mktemp("restarted")
    shutil.copytree(voices_folder, folder / "voices", copy_function=os.link)
    with LiveServer(folder, TTSCOPE_THREADS="1", **ENGINE) as server:
        yield server.wait_until_ready()
        assert server.stop() == 0


def sound(url: str, seed: int | None = 7, **body: Any) -> tuple[str, bytes]:
    """The seed in the answer, and its samples."""
    stated = {} if seed is None else {"seed": seed}
    status, headers, samples = speak(url, TEXT, **{**SAMPLES, **stated, **body})
    assert status == 200, samples
    return headers[SEED], samples


def at_once(url: str, bodies: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    with ThreadPoolExecutor(len(bodies)) as clients:
        return list(clients.map(lambda body: sound(url, **body), bodies))


@pytest.fixture(scope="module")
def alone(server_url: str) -> bytes:
    """What the server makes of TEXT and seed 7 while it has nothing else to do."""
    told, samples = sound(server_url)
    assert told == "7"
    return samples


def test_neither_load_nor_the_way_of_delivery_changes_a_sample(server_url: str, alone: bytes) -> None:
    """Sixteen clients at once: half of them ask for the same seed, whole and streamed, the others for others."""
    others = [{"seed": 100 + number, "stream": number % 2 == 0} for number in range(CLIENTS // 2)]
    same = [{"seed": 7, "stream": number % 2 == 0} for number in range(CLIENTS // 2)]
    answers = at_once(server_url, [body for pair in zip(others, same, strict=True) for body in pair])
    assert {samples for told, samples in answers if told == "7"} == {alone}
    different = {samples for told, samples in answers if told != "7"}
    assert len(different) == CLIENTS // 2
    assert alone not in different


def test_a_restart_or_another_number_of_cores_changes_no_sample(restarted: LiveServer, alone: bytes) -> None:
    assert sound(restarted.url) == ("7", alone)
    assert sound(restarted.url, stream=True) == ("7", alone)


def test_an_answer_without_a_seed_can_be_made_again(server_url: str, restarted: LiveServer, alone: bytes) -> None:
    answers = at_once(server_url, [{"seed": None}] * 4)
    seeds = [told for told, _ in answers]
    assert len(set(seeds)) == 4
    for told, samples in answers[:2]:
        assert samples != alone
        assert sound(restarted.url, int(told), stream=True) == (told, samples)


def test_the_cache_holds_the_seed(server_url: str, alone: bytes) -> None:
    """With a seed its take, without one any take, which says its seed."""

    def cached(seed: int | None) -> tuple[str, str, bytes]:
        stated = {} if seed is None else {"seed": seed}
        status, headers, samples = speak(server_url, TEXT, **{**SAMPLES, "cache": True, **stated})
        assert status == 200
        return headers["X-TTS-Cache"], headers[SEED], samples

    assert cached(7) == ("miss", "7", alone)
    assert cached(7) == ("hit", "7", alone)
    assert cached(8)[:2] == ("miss", "8")
    result, drawn, samples = cached(None)
    assert result == "miss"
    assert cached(None) == ("hit", drawn, samples)
    assert cached(int(drawn)) == ("miss", drawn, samples)


@pytest.mark.parametrize("response_format", ["mp3", "opus", "flac", "aac", "wav"])
def test_files_are_the_same_whether_cached_or_not(server_url: str, response_format: str) -> None:
    form: dict[str, Any] = {"response_format": response_format, "sample_rate": None}
    files = {sound(server_url, **form, cache=cached)[1] for cached in (False, True, True)}
    assert len(files) == 1


def test_every_call_takes_a_seed(server_url: str) -> None:
    """All that answer WAV: the files are the same, and each answer says its seed."""
    text, voice, wav = "Hello world, it is me.", "joe", {"response_format": "wav"}
    _, headers, expected = speak(server_url, text, seed=11, cache=False)
    assert headers[SEED] == "11"
    status, headers, streamed = post(
        f"{server_url}/v1/audio/speech", {"model": "tts-1", "input": text, "voice": voice, "seed": 11, **wav}
    )
    assert (status, headers[SEED], streamed[44:]) == (200, "11", expected[44:])
    for path, fields in (
        ("/api/tts", {"text": text, "seed": "11"}),
        ("/process", {"INPUT_TEXT": text, "SEED": "11"}),
    ):
        assert fetch(f"{server_url}{path}?{urlencode(fields)}", "audio/wav") == expected
    assert post(f"{server_url}/synthesize", {"text": text, "seed": 11})[2] == expected
    called = post(f"{server_url}/v1/text-to-speech/{voice}?output_format=pcm_22050", {"text": text, "seed": 11})
    assert (called[0], called[1][SEED], called[2]) == (200, "11", expected[44:])
    query = urlencode({"model": voice, "encoding": "linear16", "container": "none", "sample_rate": 22050, "seed": 11})
    called = post(f"{server_url}/v1/speak?{query}", {"text": text})
    assert (called[0], called[1][SEED], called[2]) == (200, "11", expected[44:])


def test_word_times_belong_to_the_seed(server_url: str) -> None:
    whole = speak(server_url, TEXT, seed=7, timestamps=True, **{**SAMPLES, "cache": True})
    assert whole[1][SEED] == "7"
    body = json.loads(whole[2])
    assert base64.b64decode(body["audio"]) == sound(server_url)[1]
    assert json.loads(speak(server_url, TEXT, seed=7, timestamps=True, **SAMPLES)[2]) == body


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", True])
def test_a_seed_that_is_none_is_refused_by_name(server_url: str, seed: object) -> None:
    for path, body in (
        ("/tts", {"text": "a"}),
        ("/v1/audio/speech", {"model": "tts-1", "input": "a", "voice": "joe"}),
        ("/synthesize", {"text": "a"}),
    ):
        status, _, answer = post(f"{server_url}{path}", {**body, "seed": seed})
        error = json.loads(answer)["error"]
        assert (status, error["code"], error["param"]) == (422, "invalid_request", "seed")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "x", "1" * 5000, "\u0661"])
def test_a_seed_in_a_query_is_checked_too(server_url: str, seed: str) -> None:
    for path, fields in (("/api/tts", {"text": "a", "seed": seed}), ("/process", {"INPUT_TEXT": "a", "SEED": seed})):
        status, _, answer = post(f"{server_url}{path}?{urlencode(fields)}", {})
        error = json.loads(answer)["error"]
        assert (status, error["code"]) == (422, "invalid_request")
        assert error["param"] == next(name for name in fields if name.lower() == "seed")
        assert "from 0 to 4294967295" in error["message"]


class TestGolden:
    """python -m bench.golden, as a user runs it."""

    @pytest.fixture(scope="class")
    def file(self, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
        file = tmp_path_factory.mktemp("golden") / "golden.json"
        texts = ("Hello world.", TEXT)
        arguments = ["record", str(file), "--url", server_url, "--seed", "3"]
        assert golden.main([*arguments, *(each for text in texts for each in ("--text", text))]) == golden.SAME
        return file

    def test_another_server_under_load_makes_the_same(
        self, file: Path, restarted: LiveServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert golden.main(["check", str(file), "--url", restarted.url, "--load", "4"]) == golden.SAME
        assert "the same: 2 clips, whole and streamed, on " in capsys.readouterr().out

    def test_a_sound_that_differs_is_named(
        self, file: Path, server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fields = json.loads(file.read_text())
        fields["clips"][0]["seed"] = 4
        (other := tmp_path / "other.json").write_text(json.dumps(fields))
        assert golden.main(["check", str(other), "--url", server_url]) == golden.DIFFERENT
        report = capsys.readouterr().out
        assert "clip 1, joe, seed 4, whole: differs" in report
        assert "clip 1, joe, seed 4, streamed: differs" in report
        assert "clip 2" not in report
        assert "2 answers differ of 2 clips" in report

    @pytest.mark.parametrize("field", ["processor", "number_format"])
    def test_other_arithmetic_is_not_compared(
        self, file: Path, server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str
    ) -> None:
        fields = json.loads(file.read_text())
        fields["arithmetic"]["joe"][field] = "abacus"
        (other := tmp_path / "other.json").write_text(json.dumps(fields))
        assert golden.main(["check", str(other), "--url", server_url]) == golden.INCOMPARABLE
        report = capsys.readouterr().err
        assert "joe: not compared" in report
        assert "abacus" in report

    def test_what_can_not_be_checked_is_said(
        self, file: Path, server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (broken := tmp_path / "broken.json").write_text("[]")
        assert golden.main(["check", str(broken), "--url", server_url]) == golden.FAILED
        assert golden.main(["check", str(tmp_path / "none.json"), "--url", server_url]) == golden.FAILED
        assert golden.main(["check", str(file), "--url", "http://127.0.0.1:9"]) == golden.FAILED
        out = ["record", str(tmp_path / "x"), "--url", server_url]
        assert golden.main([*out, "--voice", "nobody"]) == golden.INCOMPARABLE
        assert golden.main([*out, "--settings", '{"speed": 99}']) == golden.FAILED
        report = capsys.readouterr().err
        for message in ("is not a file of bench.golden", "can't be read", "can't be reached", "no such voice", "speed"):
            assert message in report
