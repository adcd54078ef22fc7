"""A server that crashes with requests in flight: the next one names them, and the books balance."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.lifecycle.journal import Journal
from tests.server_process import WITHOUT_ENGINE, LiveServer
from tests.service_client import samples
from tests.stack import eventually

LONG = "The old man walked slowly along the river bank and watched the boats. " * 50


def get(server: LiveServer, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def body(path: str, text: str) -> dict[str, Any]:
    return {"text": text} if path == "/tts" else {"input": text, "model": "tts-1", "voice": "joe"}


def ask(server: LiveServer, path: str, sent: dict[str, Any], request_id: str) -> None:
    """Until there is an answer, or the connection is cut."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    try:
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
        connection.request("POST", path, json.dumps(sent), headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass


def outcomes(data_dir: Path, *request_ids: str) -> Counter[tuple[str, str]]:
    """The ids and outcomes of events about these requests."""
    lines = [line for path in (data_dir / "events").glob("*.jsonl") for line in path.read_text().splitlines()]
    events = [
        {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
        for line in lines
        for resource in json.loads(line)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    pairs = ((str(event["tts.request_id"]), str(event["tts.outcome"])) for event in events)
    return Counter(pair for pair in pairs if pair[0] in request_ids)


def until(condition: Callable[[], bool]) -> None:
    assert eventually(condition, 120), "it has not come about"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_requests_in_flight_are_named_and_counted_by_the_next_server(data_dir: Path, number: signal.Signals) -> None:
    ended = [str(uuid.uuid4()) for _ in range(3)]
    lost = {str(uuid.uuid4()): "/tts", uuid.uuid4().hex: "/tts", str(uuid.uuid4()): "/v1/audio/speech"}
    # However slow the machine is, it lets the long texts in, and is not done with them.
    patient = {"TTSCOPE_DEADLINE_SECONDS": "36000", "TTSCOPE_MAX_QUEUE_SECONDS": "36000"}
    with LiveServer(data_dir, **WITHOUT_ENGINE, **patient) as server:
        server.wait_until_ready()
        ask(server, "/tts", body("/tts", "Hello."), ended[0])
        ask(server, "/tts", {"text": "Hello.", "voice_name": "nobody"}, ended[1])
        ask(server, "/v1/audio/speech", body("/v1/audio/speech", "Hello."), ended[2])
        until(lambda: outcomes(data_dir, *ended).total() == len(ended))
        threads = [
            threading.Thread(target=ask, args=(server, path, body(path, LONG), request_id))
            for request_id, path in lost.items()
        ]
        for thread in threads:
            thread.start()
        until(lambda: json.loads(get(server, "/metrics")[1])["requests_in_flight"] == len(lost))
        server.process.send_signal(number)
        assert server.wait() == -number
        for thread in threads:
            thread.join()

    with LiveServer(data_dir, **WITHOUT_ENGINE) as server:
        named = [server.wait_for("a request was lost when the server ended") for _ in lost]
        server.wait_until_ready()
        assert {record["request_id"]: record["endpoint"] for record in named} == lost
        assert not any(record["machine_restarted"] for record in named)
        text = get(server, "/prometheus")[1].decode()
        assert sum(samples(text, "tts_requests_total", outcome="error")) == len(lost)
        assert samples(text, "tts_errors_total", error_type="server_crashed", endpoint="/tts", side="server") == [2]
        summary = json.loads(get(server, "/metrics")[1])
        assert (summary["failed_requests"], summary["requests_in_flight"]) == (len(lost), 0)
        assert summary["errors_by_type"] == {"server_crashed": len(lost)}
        for request_id in lost:
            status, trace = get(server, f"/traces/{request_id}")
            assert status == 200
            [span] = json.loads(trace)["spans"]
            assert span["attributes"]["tts.error_type"] == "server_crashed"
        assert server.stop() == 0

    assert outcomes(data_dir, *ended, *lost) == Counter(
        [(ended[0], "ok"), (ended[1], "rejected"), (ended[2], "ok"), *((request_id, "error") for request_id in lost)]
    )
    assert Journal(data_dir / "journal", 1).lost == []  # an orderly stop leaves nothing, and nothing is told twice
