"""What the checks of the doctor share: a broken link of the chain, and calls of its programs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

QUICK_SECONDS = 5.0
"""The time limit for an answer of a healthy program."""


class BrokenLinkError(Exception):
    """A link of the chain is broken; ``cure`` is what to try next."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.cure = cure


def get(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """Returns the JSON at ``url``, or None if there is none."""
    try:
        return json.loads(read(url, "application/json", headers))
    except (urllib.error.URLError, TimeoutError, json.JSONDecodeError):
        return None


def read(url: str, accept: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Returns what is at ``url``. Raises URLError or TimeoutError."""
    request = urllib.request.Request(url, headers={"Accept": accept, **(headers or {})})  # noqa: S310 - our own addresses
    with urllib.request.urlopen(request, timeout=QUICK_SECONDS) as response:  # noqa: S310
        return bytes(response.read())


def reason(error: Exception) -> str:
    """Returns the status of an answer, or why there was none."""
    return str(error.code if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error))


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)  # noqa: T201 - they are commands
