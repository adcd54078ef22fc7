"""Where faults happen: the real programs under their supervisor, on free ports, and what they have written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.faults.load import healthy
from tests.http_calls import fetch
from tests.server_process import ROOT
from tests.service_client import samples
from tests.stack import eventually, free_ports

START_SECONDS = 300.0
END_SECONDS = 60.0
MINE = ("TTSCOPE_", "OTEL_", "METRICS_", "PROMETHEUS_PORT")
ENVIRONMENT = {
    "TTSCOPE_TRACES_PER_SECOND": "1000",  # every trace is kept, so that every lost one is seen
    "TTSCOPE_ENGINE_STALL_SECONDS": "5",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_BSP_SCHEDULE_DELAY": "500",
    "OTEL_BLRP_SCHEDULE_DELAY": "500",
}
COUNTED_PATH = "/tts"
"""Where the clients ask for speech; requests to it are counted."""
PHONEMES, ENCODING = "server.text.espeak", "server.audio.coding"
"""What the sandboxed processes run."""


class Site(ABC):
    """Programs under one supervisor, one of them the server. ``lines`` is all that the supervisor has said."""

    keeps_traces = False
    """Whether there is a trace store."""
    keeps_counts = False
    """Whether what was counted outlives the server."""

    def __init__(self, folder: Path, voices: Path) -> None:
        """A site in ``folder``, with a copy of ``voices``: faults damage them."""
        self.folder, self.data_dir = folder, folder / "data"
        shutil.copytree(voices, self.data_dir / "voices", dirs_exist_ok=True)
        ports = free_ports(["server", "management"])
        self.url = f"http://127.0.0.1:{ports['server']}"
        self.lines: list[str] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(MINE)},
            **ENVIRONMENT,
            "TTSCOPE_DATA_DIR": str(self.data_dir),
            "TTSCOPE_PORT": str(ports["server"]),
            "PROMETHEUS_PORT": str(ports["management"]),
            "TTSCOPE_WYOMING_PORT": "",
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """What runs the supervisor."""

    @property
    @abstractmethod
    def ready_line(self) -> str:
        """What it says, in the beginning of a line, when all is ready."""

    @abstractmethod
    def counted(self) -> float | None:
        """Requests for speech that the metrics have counted so far; None if that is not known."""

    @abstractmethod
    def event_files(self) -> Iterable[Path]:
        """The files of events."""

    def has_trace(self, trace_id: str) -> bool:
        """Whether the trace store has it."""
        raise NotImplementedError

    def environment(self, **more: str) -> dict[str, str]:
        """Of a program that is run by hand beside the others."""
        return {**self._environment, **more}

    def start(self) -> None:
        """Returns when all is ready. Raises AssertionError if it ends before."""
        self._process = subprocess.Popen(
            [sys.executable, *self.command],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        begun = len(self.lines)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

        def ready() -> bool:
            return any(line.startswith(self.ready_line) for line in self.lines[begun:])

        assert eventually(lambda: ready() or not self.is_running, START_SECONDS)
        assert ready(), "it ended at its start: " + "".join(self.lines[begun:][-5:])

    def stop(self) -> int:
        """An orderly end; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(END_SECONDS)

    def kill(self) -> None:
        """The end of all, whatever state they are in."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def supervisor(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def server(self) -> psutil.Process:
        """The server's process. Raises LookupError while there is none."""
        return first([each for each in self.supervisor().children() if words(each)[1:3] == ["-m", "server"]])

    def engine(self) -> psutil.Process:
        """The process of the engine on torch. Raises LookupError while there is none."""
        return first([each for each in self.server().children() if "server.engine" in words(each)])

    def fork_server(self, target: str) -> psutil.Process:
        """The process that starts the sandboxed ones of ``target``."""
        return first([each for each in self.server().children() if target in words(each)])

    def workers(self, target: str) -> list[psutil.Process]:
        """The sandboxed processes of ``target``."""
        return self.fork_server(target).children()

    def exposed(self, name: str, **labels: str) -> float:
        """The sum of the series of the server's own metrics."""
        return sum(samples(fetch(f"{self.url}/prometheus", "text/plain").decode(), name, **labels))

    def given_up(self, signal_name: str) -> float:
        """How many events (log) or spans (span) the server has not exported for want of room or of an answer."""
        lines = fetch(f"{self.url}/prometheus", "text/plain").decode().splitlines()
        names = (f"otel_sdk_processor_{signal_name}_", f"otel_sdk_exporter_{signal_name}_exported_total")
        errors = (line.split(" # ")[0] for line in lines if line.startswith(names) and 'error_type="' in line)
        return sum(float(line.rsplit(" ", 1)[1]) for line in errors if 'error_type=""' not in line)

    def ready(self) -> bool:
        """Whether the server can speak."""
        return healthy(self.url) is not None and bool(fetch(f"{self.url}/ready"))

    def events(self, request_ids: set[str]) -> dict[str, list[str]]:
        """The outcomes that events tell of these requests."""
        outcomes = defaultdict(list)
        for path in self.event_files():
            for line in path.read_text(errors="replace").splitlines():
                for record in _records(line):
                    attributes = {entry["key"]: entry["value"] for entry in record.get("attributes", ())}
                    request_id = attributes.get("tts.request_id", {}).get("stringValue", "")
                    if request_id in request_ids:
                        outcomes[request_id].append(attributes["tts.outcome"]["stringValue"])
        return outcomes

    def said(self, text: str, since: int = 0) -> bool:
        """Whether the supervisor, or the server through it, has said so after the first ``since`` lines."""
        return any(text in line for line in self.lines[since:])

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.lines.extend(process.stdout)


def first(processes: Sequence[psutil.Process]) -> psutil.Process:
    """The only one that is looked for. Raises LookupError when it does not run now."""
    if not processes:
        raise LookupError("there is no such process now")
    return processes[0]


def words(process: psutil.Process) -> list[str]:
    """Its command; nothing of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _records(line: str) -> list[dict[str, Any]]:
    """The log records of a line; none of one that is not whole yet."""
    try:
        resources = json.loads(line)["resourceLogs"]
    except ValueError:
        return []
    return [record for each in resources for scope in each["scopeLogs"] for record in scope["logRecords"]]
