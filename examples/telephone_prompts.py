"""Makes the prompts of a telephone menu as mu-law at 8 kHz, which telephone servers play as it is, and serves them."""

from __future__ import annotations

import argparse
import json
import os
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

URL = os.environ.get("TTSCOPE_URL", "http://localhost:8010")
KEY = os.environ.get("TTSCOPE_API_KEY", "")


def speak(text: str, voice: str | None) -> bytes:
    """Returns the speech of a prompt: a byte for each sample, 8,000 in a second, at the loudness of a telephone."""
    body = {
        "text": text,
        "response_format": "pcm",
        "encoding": "pcm_mulaw",
        "sample_rate": 8000,
        "loudness": -20,
        **({"voice_name": voice} if voice else {}),
    }
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {KEY}"} if KEY else {})}
    with urllib.request.urlopen(urllib.request.Request(f"{URL}/tts", json.dumps(body).encode(), headers)) as response:
        audio: bytes = response.read()
    return audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", type=Path, help="a JSON object of texts by name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voice")
    parser.add_argument("--serve", type=int, metavar="PORT", help="serve the folder on this port of this machine")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in json.loads(options.prompts.read_text(encoding="utf-8")).items():
        audio = speak(text, options.voice)
        (options.folder / f"{name}.ulaw").write_bytes(audio)
        print(f"{name}: {len(audio) / 8000:.2f} s", flush=True)
    if options.serve is not None:
        handler = partial(SimpleHTTPRequestHandler, directory=str(options.folder))
        ThreadingHTTPServer(("127.0.0.1", options.serve), handler).serve_forever()


if __name__ == "__main__":
    main()
