"""examples/: each program is run as its page says, and each configuration is used as its owner does."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path

import numpy as np
import yaml
from wyoming.info import Describe, Info
from wyoming.tts import SynthesizeVoice

from tests.agents_program import run_with_agents
from tests.client_features import shows
from tests.client_table import CALLS
from tests.server_process import ROOT
from tests.service_client import Start
from tests.stack import free_ports
from tests.wyoming_client import room, say, say_in_pieces

CHAPTER = "# The river\n\nThe rain had stopped. We walked home.\n\n- one boat\n- *two* boats\n\n"


def run(server_url: str, *arguments: str | Path) -> str:
    command = [sys.executable, str(ROOT / "examples" / arguments[0]), *map(str, arguments[1:])]
    environment = {**os.environ, "TTSCOPE_URL": server_url}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120).stdout


def test_a_chapter_becomes_a_file_with_the_times_of_its_words(server_url: str, tmp_path: Path) -> None:
    (tmp_path / "chapter.md").write_text(CHAPTER * 2)
    said = run(server_url, "audiobook.py", tmp_path / "chapter.md", tmp_path / "chapter.wav", "--part", "100")
    with wave.open(str(tmp_path / "chapter.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    assert said == f"{seconds:.1f} seconds, 26 words\n"
    text = (tmp_path / "chapter.vtt").read_text()
    assert text.startswith("WEBVTT\n\n00:00:00.")
    times = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in re.findall(r"(\d\d):(\d\d):(\d\d\.\d{3})", text)]
    assert times == sorted(times)
    assert seconds - 1 < times[-1] <= seconds
    assert not set("#*") & set(text)


def test_prompts_are_made_for_telephones_and_served(server_url: str, tmp_path: Path) -> None:
    prompts = {"welcome": "Welcome.", "name": "Please say your name after the tone."}
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    port = free_ports(["prompts"])["prompts"]
    command = [sys.executable, ROOT / "examples" / "telephone_prompts.py", tmp_path / "prompts.json", tmp_path / "made"]
    environment = {**os.environ, "TTSCOPE_URL": server_url}
    with subprocess.Popen([*command, "--serve", str(port)], env=environment, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            for name in prompts:
                line = program.stdout.readline().decode()
                size = (tmp_path / "made" / f"{name}.ulaw").stat().st_size
                assert line == f"{name}: {size / 8000:.2f} s\n"
            opener = urllib.request.build_opener()
            for _ in range(200):
                try:
                    audio = opener.open(f"http://127.0.0.1:{port}/name.ulaw", timeout=10).read()
                    break
                except OSError:
                    assert program.poll() is None
            assert 1.0 < len(audio) / 8000 < 6.0
        finally:
            program.kill()


TEXT = "The rain had stopped by noon. Then we walked home along the river."


def loudness(samples: bytes) -> float:
    """Returns the root mean square of 16-bit samples, of 32768."""
    return float(np.sqrt(np.mean(np.frombuffer(samples, "<i2").astype(np.float64) ** 2)))


def test_a_pipecat_pipeline_speaks_a_text_as_it_is_written(server_url: str, tmp_path: Path) -> None:
    (tmp_path / "reply.txt").write_text(TEXT)
    program = ROOT / "examples" / "pipecat_pipeline.py"
    said = run_with_agents(program, tmp_path / "reply.txt", tmp_path / "reply.wav", TTSCOPE_URL=server_url)
    with wave.open(str(tmp_path / "reply.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
        assert loudness(file.readframes(file.getnframes())) > 500
    assert 2.0 < seconds < 8.0
    times, words = zip(*(line.split() for line in said.splitlines()), strict=True)
    assert list(words) == TEXT.split()
    assert [float(time) for time in times] == sorted({float(time) for time in times})
    assert seconds / 2 < float(times[-1]) < seconds


def test_a_livekit_agent_greets_speaks_and_is_interrupted(server_url: str) -> None:
    environment = {"TTSCOPE_URL": server_url, "OPENAI_API_KEY": "none"}
    result = json.loads(run_with_agents("-m", "tests.agents.livekit_session", TEXT, **environment))
    seconds = {}
    for part in ("greeting", "spoken"):
        samples = base64.b64decode(result[part])
        seconds[part] = len(samples) / 2 / result["rate"]
        assert loudness(samples) > 500
    assert 1.0 < seconds["greeting"] < 5.0
    assert 2.0 < seconds["spoken"] < 8.0
    assert result["greeting_captions"].split() == ["Hello.", "How", "can", "I", "help", "you?"]
    assert result["interrupted"]
    assert 0 < result["cut"] < 10 * seconds["spoken"]  # the text is 20 times as long


async def test_home_assistant_finds_what_its_configuration_names(start: Start) -> None:
    client = await start(wyoming_port=0)
    configuration = yaml.safe_load((ROOT / "examples" / "home_assistant.yaml").read_text())
    [announcement] = configuration["script"]["announce"]["sequence"]
    assert announcement["action"] == "tts.speak"
    data, voice = announcement["data"], announcement["data"]["options"]["voice"]
    async with room(client) as connection:  # as the integration does when it is added
        await connection.write_event(Describe().event())
        event = await connection.read_event()
        assert event is not None
        [program] = Info.from_event(event).tts
    assert announcement["target"]["entity_id"] == f"tts.{program.name}"
    assert program.supports_synthesize_streaming
    assert data["language"] in next(each.languages for each in program.voices if each.name == voice)
    [automation] = configuration["automation"]
    message = automation["actions"][0]["data"]["message"]
    assert automation["actions"][0]["action"] == "script.announce"
    async with room(client) as connection:  # as it does for an announcement
        assert (await say(connection, message, SynthesizeVoice(name=voice))).seconds > 1
    async with room(client) as connection:  # and for the answer of a voice assistant
        assert (await say_in_pieces(connection, message.split(), SynthesizeVoice(name=voice))).seconds > 1


@shows("OpenAI", "Open WebUI", "whole text")
async def test_open_webui_makes_its_calls_by_its_variables(start: Start) -> None:
    # The calls of open_webui/routers/audio at the version in CALLS, for the engine "openai".
    assert "Open WebUI" in CALLS
    lines = (ROOT / "examples" / "open_webui.env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert variables["AUDIO_TTS_ENGINE"] == "openai"
    assert all(name.startswith("AUDIO_TTS_") for name in variables)
    client = await start()
    base = variables["AUDIO_TTS_OPENAI_API_BASE_URL"].replace("http://host.docker.internal:8010", client.url)
    async with client.session.get(f"{base}/audio/models") as response:
        models = {model["id"] for model in (await response.json())["models"]}
    assert variables["AUDIO_TTS_MODEL"] in models
    async with client.session.get(f"{base}/audio/voices") as response:
        voices = {voice["id"]: voice["name"] for voice in (await response.json())["voices"]}
    assert variables["AUDIO_TTS_VOICE"] in voices
    headers = {
        "Authorization": f"Bearer {variables['AUDIO_TTS_OPENAI_API_KEY']}",
        "X-OpenWebUI-User-Name": "Ann",
        "X-OpenWebUI-User-Id": "1",
        "X-OpenWebUI-User-Email": "ann@example.com",
        "X-OpenWebUI-User-Role": "user",
    }
    payload = {"input": TEXT, "voice": variables["AUDIO_TTS_VOICE"], "model": variables["AUDIO_TTS_MODEL"]}
    async with client.session.post(f"{base}/audio/speech", json=payload, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "audio/mpeg"  # is kept as it is, and played by the browser
        assert len(await response.read()) > 0.065 * len(TEXT) * 96_000 / 8 * 0.9
