"""The real server on a disk that fails, and killed in the midst of traffic: speech goes on, nothing written is lost."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drift.rows.store import Rows
from otel.contract.labels import LOSS_REASON
from tests.http_calls import fetch
from tests.server_process import WITHOUT_ENGINE, LiveServer
from tests.stack import eventually

BODY = json.dumps({"text": "Hello."}).encode()
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def server(data_dir: Path) -> Iterator[LiveServer]:
    with LiveServer(data_dir, **WITHOUT_ENGINE) as server:
        yield server.wait_until_ready()


def speak(url: str) -> None:
    request = urllib.request.Request(f"{url}/tts", BODY, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 200
        assert len(response.read()) > 1000


def refuse(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(f"{url}/tts", b"{", {"Content-Type": "application/json"}))


def lost(url: str, reason: str) -> float:
    text = fetch(f"{url}/prometheus", "text/plain").decode()
    [value] = re.findall(rf'^tts_events_lost_total{{reason="{reason}"}} (\S+)', text, re.MULTILINE)
    return float(value)


def healthy(url: str) -> None:
    assert fetch(f"{url}/health")
    assert fetch(f"{url}/ready")


def said(server: LiveServer) -> list[tuple[str, Any, Any]]:
    """What the log says of events: message, reason, number."""
    records = [json.loads(line) for line in server.logs.splitlines()]
    return [(r["message"], r.get("reason"), r.get("lost")) for r in records if r["name"] == "ttscope.events"]


def records(folder: Path) -> list[dict[str, Any]]:
    """Every event in ``folder``: every line of every file is JSON."""
    found = []
    for path in folder.glob("*.jsonl*"):
        for line in path.read_text().splitlines():
            [logs] = json.loads(line)["resourceLogs"]
            found += [record for scope in logs["scopeLogs"] for record in scope["logRecords"]]
    return found


def lose_and_recover(server: LiveServer, events: Path, reason: str, repair: Callable[[], object]) -> None:
    """Speech and health go on while both files lose events, which is said once; after ``repair`` they are written."""

    def both_lose() -> bool:
        speak(server.url)
        refuse(server.url)
        healthy(server.url)
        return lost(server.url, reason) >= 4 and len(said(server)) == 2

    assert eventually(both_lose, pause=0.05)
    assert {entry[:2] for entry in said(server)} == {("events are lost", reason)}
    repair()

    def both_are_written_again() -> bool:
        speak(server.url)
        refuse(server.url)
        return len(said(server)) == 4

    assert eventually(both_are_written_again, pause=0.5)
    assert sum(entry[2] or 0 for entry in said(server)) == sum(lost(server.url, each) for each in LOSS_REASON.values)
    assert server.stop() == 0
    assert records(events)
    for line in (server.logs + server.output).splitlines():
        assert b"resourceLogs" not in line
        assert b"Traceback" not in line


def test_files_that_may_not_grow(server: LiveServer, data_dir: Path) -> None:
    speak(server.url)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    lose_and_recover(
        server,
        data_dir / "events",
        "file_size",
        lambda: resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, UNLIMITED),
    )


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root and the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(data_dir: Path) -> None:
    events = data_dir / "events"
    with tmpfs(events, "4m"), LiveServer(data_dir, **WITHOUT_ENGINE) as server:
        server.wait_until_ready()
        filler = events / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        lose_and_recover(server, events, "disk_full", filler.unlink)


def test_a_killed_server_loses_nothing_that_was_written(data_dir: Path, tmp_path: Path) -> None:
    events = data_dir / "events" / "requests.jsonl"
    with LiveServer(data_dir, **WITHOUT_ENGINE) as server:
        url = server.wait_until_ready().url
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                with suppress(OSError):
                    speak(url)

        threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: events.exists() and events.read_bytes().count(b"\n") >= 3, pause=0.05)
        written = events.read_bytes().rpartition(b"\n")[0] + b"\n"
        server.process.send_signal(signal.SIGKILL)
        server.wait()
        stop.set()
        for thread in threads:
            thread.join(60)
    assert events.read_bytes().startswith(written)
    with LiveServer(data_dir, **WITHOUT_ENGINE) as again:  # the lock went with the process
        speak(again.wait_until_ready().url)
        assert again.stop() == 0
    assert events.read_bytes().startswith(written)
    found = records(events.parent)
    report = Rows(tmp_path / "rows").ingest(
        [events.parent], now=datetime.now(UTC) + timedelta(seconds=1), judged_until=None
    )
    assert (report.rows, report.problems()) == (len(found), {})


def test_a_second_server_on_the_folder_is_refused(server: LiveServer, data_dir: Path) -> None:
    with LiveServer(data_dir, **WITHOUT_ENGINE) as second:
        assert second.wait() == 1
        assert b"another server works on the data folder" in second.logs
    speak(server.url)
    assert server.stop() == 0
