"""docs/clients.md: every example is run as it stands, but for the server's address, and speaks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from server.settings import load
from tests.server_process import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [(language, code) for language, code in BLOCKS if language != "json"]
FILES = re.compile(r"[a-z]+\.(?:wav|mp3|opus|flac)")


def run(language: str, code: str, folder: Path, javascript: Path) -> str:
    match language:
        case "sh":
            command = ["bash", "-euo", "pipefail", "-c", code]
        case "python":
            command = [sys.executable, "-c", code]
        case "js":
            (folder / "node_modules").symlink_to(javascript / "node_modules")
            (folder / "example.mjs").write_text(code)
            command = ["node", "example.mjs"]
        case _:
            raise AssertionError(f"nobody runs examples in {language}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("language", "code"), EXAMPLES, ids=[f"{i}-{lang}" for i, (lang, _) in enumerate(EXAMPLES)])
def test_an_example_speaks(language: str, code: str, server_url: str, tmp_path: Path, javascript: Path) -> None:
    address = server_url.removeprefix("http://")
    said = run(language, code.replace("localhost:8010", address), tmp_path, javascript)
    names = sorted(set(FILES.findall(code)))
    for name in names:
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.audio[0]
            seconds = sum(frame.samples for frame in container.decode(audio=0)) / stream.rate
        assert 0.4 < seconds < 5
    assert names or re.match(r"[0-9.]+ seconds; \{'input_tokens': 2,", said)


def test_the_aliases_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    [aliases] = [code for language, code in BLOCKS if language == "json"]
    monkeypatch.setenv("TTSCOPE_ALIASES", aliases)
    assert load().aliases.keys() == json.loads(aliases).keys()


def test_there_is_an_example_for_each_kind_of_client() -> None:
    assert [language for language, _ in EXAMPLES].count("sh") >= 3
    assert {"sh", "python", "js"} == {language for language, _ in EXAMPLES}
