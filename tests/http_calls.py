"""Calls of a program by HTTP, from a test that has nothing else to do meanwhile."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

SECONDS = 120.0
"""For an answer: a long text is spoken, on a machine that is busy with other things."""


def fetch(url: str, accept: str = "application/json", **headers: str) -> bytes:
    """What is there. Raises HTTPError for an error."""
    request = urllib.request.Request(url, headers={"Accept": accept, **headers})
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return bytes(response.read())


def post(url: str, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to ``body`` as JSON, of an error too."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def speak(url: str, text: str, **body: object) -> tuple[int, dict[str, str], bytes]:
    """The same, of the call that speaks, to the server at ``url``."""
    return post(f"{url}/tts", {"text": text, **body})
