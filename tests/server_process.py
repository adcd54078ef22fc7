"""The real server as a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
START_SECONDS = 120.0
WITHOUT_ENGINE = {"TTSCOPE_PROVIDERS": "onnx"}
"""The same voice by ONNX Runtime alone, without the engine's process: such a server starts in a third of the time."""


class LiveServer:
    """``python -m server``, or another ``module`` that runs it, on free ports.

    ``output`` and ``logs`` hold all that it wrote so far.
    """

    def __init__(self, data_dir: Path, module: str = "server", **environment: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TTSCOPE_", "OTEL_"))}
        free_ports = {"TTSCOPE_PORT": "0", "PROMETHEUS_PORT": "0", "TTSCOPE_DATA_DIR": str(data_dir)}
        alone = {"TTSCOPE_RECOGNISED_SHARE": "0"}  # what a test measures is not disturbed by chance
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**inherited, **free_ports, **alone, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.output = b""
        self.logs = b""
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_output, self._read_logs)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self.process.kill()  # nothing to a process that has ended; a failed test leaves none behind

    def wait_for(self, message: str) -> dict[str, Any]:
        """The first log record from here on with this message; fails if the server ends before it."""
        deadline = time.monotonic() + START_SECONDS
        while (remaining := deadline - time.monotonic()) > 0:
            line = self._lines.get(timeout=remaining)
            if line is None:
                break
            if not line.startswith(b"{"):  # what a supervisor says, and stacks after a crash
                continue
            record = json.loads(line)
            if record["message"] == message:
                return dict(record)
        raise AssertionError(f"no log record {message!r}: {self.logs.decode()}")

    def wait_until_ready(self) -> LiveServer:
        record = self.wait_for("ready")
        self.url, self.management_url = record["url"], record["management_url"]
        return self

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join(timeout=10)
        return code

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def _read_logs(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.logs += line
            self._lines.put(line)
        self._lines.put(None)
