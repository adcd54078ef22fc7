"""examples/: each program is run as its page says, against the real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path

from tests.server_process import ROOT
from tests.stack import free_ports

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
