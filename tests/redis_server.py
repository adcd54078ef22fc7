"""A real Redis for tests."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
from redis.asyncio import Redis

from tests.halted import halt
from tests.installed import installed

PASSWORD = "a-password-of-the-tests"


class RedisServer:
    """A real redis-server on a port of its own, that can be killed, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._program = installed("redis-server")
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "save": "", "maxmemory": "256mb"}
        command = [self._program, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """SIGKILL: nothing is said to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def halt(self) -> None:
        """SIGSTOP: connections stay, and nobody answers."""
        assert self._process is not None
        halt(psutil.Process(self._process.pid))

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


async def until_answering(redis: Redis) -> None:
    """Returns when Redis answers. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Exception):
                await redis.ping()
                return
            await asyncio.sleep(0.02)
