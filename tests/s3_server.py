"""A real S3-compatible object store for tests: versitygw, whose buckets are folders."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from stack.build import build
from stack.programs import Program
from stack.toolchain import NoGoError
from tests.halted import halt
from tests.stack import free_ports

VERSITYGW = Program("versitygw", ("github.com/versity/versitygw/cmd/versitygw",), ("versitygw",), 2)
BUCKET = "speech"
ACCESS_KEY, SECRET_KEY = "tests", "a-secret-of-the-tests"
START_SECONDS = 60.0


class S3Server:
    """Serves one bucket from a folder, on a port of its own. It can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("obstore") is None:
            if os.environ.get("CI") == "true":
                pytest.fail("obstore is not installed, and CI must test the object store: install the extra s3")
            pytest.skip("obstore is not installed: install the extra s3")
        try:
            self._program = build([VERSITYGW], print)["versitygw"]
        except NoGoError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        self._folder = folder
        (folder / "buckets" / BUCKET).mkdir(parents=True)
        (folder / "attributes").mkdir()
        self.port = free_ports(["s3"])["s3"]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        """The variables of its clients."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        options = ["--port", f"127.0.0.1:{self.port}", "--quiet"]
        folders = ["--sidecar", str(self._folder / "attributes"), str(self._folder / "buckets")]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._program), *options, "posix", *folders],
                env={**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self._folder / "output").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError((self._folder / "output").read_text())

    def halt(self) -> None:
        """SIGSTOP: connections stay, and nobody answers."""
        assert self._process is not None
        halt(psutil.Process(self._process.pid))

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
