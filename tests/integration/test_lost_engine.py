"""A server and the process of its engine: neither lives on without the other."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.live import LiveServer


def engine_of(server: LiveServer) -> psutil.Process:
    [engine] = [each for each in psutil.Process(server.process.pid).children() if "server.engine" in each.cmdline()]
    return engine


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_a_server_that_loses_its_engine_ends_for_its_supervisor(data_dir: Path) -> None:
    with LiveServer(data_dir) as server:
        server.wait_until_ready()
        engine = engine_of(server)
        assert "libtorch" not in maps(server.process.pid)
        assert "libtorch" in maps(engine.pid)
        engine.kill()
        assert server.wait() == 70


def test_an_engine_ends_with_its_server_however_that_ends(data_dir: Path) -> None:
    with LiveServer(data_dir) as server:
        server.wait_until_ready()
        engine = engine_of(server)
        server.process.kill()
        engine.wait(60)
        with pytest.raises(psutil.NoSuchProcess):
            engine.status()
