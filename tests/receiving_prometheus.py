"""A second real Prometheus, which takes in what another one forwards, for those who know its password."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.parse
from pathlib import Path
from typing import Any

from tests.http_calls import fetch
from tests.stack import READY_SECONDS, eventually, free_ports

USER, PASSWORD = "ttscope", "a-password-of-the-tests"
BCRYPT = "$2y$04$abcdefghijklmnopqrstuuKFZ0q2semF/p2kYa7/GtH6iuoBOhxfK"
"""PASSWORD as Prometheus wants it."""
CONFIGURATION = {"storage": {"tsdb": {"out_of_order_time_window": "1h"}, "exemplars": {"max_exemplars": 100_000}}}
"""What a store of this pipeline's samples must allow: the sender takes them out of order too."""


class ReceivingPrometheus:
    """Keeps its samples in a folder, on a port of its own. It can be killed and started again."""

    def __init__(self, program: Path, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{free_ports(['receiver'])['receiver']}"
        (folder / "web.yml").write_text(json.dumps({"basic_auth_users": {USER: BCRYPT}}))  # JSON is YAML
        (folder / "prometheus.yml").write_text(json.dumps(CONFIGURATION))

    def start(self) -> None:
        """Returns when it is ready."""
        options = {
            "config.file": self._folder / "prometheus.yml",
            "storage.tsdb.path": self._folder / "data",
            "web.listen-address": self.url.removeprefix("http://"),
            "web.config.file": self._folder / "web.yml",
            "enable-feature": "exemplar-storage",
        }
        command = [self._program, "--web.enable-remote-write-receiver", *(f"--{n}={v}" for n, v in options.items())]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        assert eventually(self._is_ready, READY_SECONDS, pause=0.05), (self._folder / "output").read_text()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        try:
            self._fetch("/-/ready")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def ask(self, call: str, **parameters: object) -> Any:
        """The data that a call of its API answers."""
        return json.loads(self._fetch(f"/api/v1/{call}?{urllib.parse.urlencode(parameters)}"))["data"]

    def _fetch(self, path: str) -> bytes:
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return fetch(self.url + path, Authorization=f"Basic {token}")
