"""The real server with the real voice, asked whatever its description allows and forbids: no mistake, no hang."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.schemathesis_run import requests_of
from tests.server_process import WITHOUT_ENGINE, LiveServer

EXAMPLES = 2
"""For each call, beside what covers each bound of its schema: 100 requests in all, most of which are refused."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
"""Those that hold of a server that is busy, too."""
HANG_SECONDS = 60.0
SETTINGS = {"TTSCOPE_MAX_TEXT_CHARACTERS": "40", "TTSCOPE_MAX_BREAK_SECONDS": "1"}
"""A text of the greatest length is made, too: one of 5,000 characters would be five minutes of speech."""


@pytest.mark.timeout(900)
def test_no_mistake_and_no_hang(data_dir: Path, tmp_path: Path) -> None:
    with LiveServer(data_dir, **WITHOUT_ENGINE, **SETTINGS) as server:
        assert asked(server.wait_until_ready(), tmp_path, EXAMPLES) > 50
        assert server.stop() == 0


def asked(server: LiveServer, folder: Path, examples: int, seconds: float = 600.0) -> int:
    """The number of requests; fails if one of them failed, or /health was not answered meanwhile."""
    before = _json(f"{server.url}/metrics")["failed_requests"]
    limits = ("--request-timeout", f"{HANG_SECONDS:g}", "--checks", CHECKS)
    with healthy(server.url) as answers:
        made = requests_of(server.url, folder, examples, *limits, seconds=seconds)
    assert answers
    assert server.process.poll() is None
    assert _json(f"{server.url}/metrics")["failed_requests"] == before
    return made


@contextmanager
def healthy(url: str) -> Iterator[list[int]]:
    """Asks /health over and over until the block ends; fails if it was not always answered."""
    answers: list[int] = []
    failures: list[Exception] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=HANG_SECONDS) as response:
                    answers.append(response.status)
            except OSError as error:
                failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
    assert not failures
    assert set(answers) <= {200}


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=HANG_SECONDS) as response:
        return json.load(response)
