"""A server and the process of its engine: one that is lost is replaced, and none outlives its server."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.halted import halt
from tests.humming_provider import HummingProvider
from tests.server_process import LiveServer
from tests.service_client import Start, samples
from tests.stack import eventually

pytestmark = pytest.mark.timeout(600)
BACK_SECONDS = 300.0
"""For a new engine to speak, on a busy machine."""


def engine_of(server: LiveServer) -> psutil.Process:
    [engine] = [each for each in psutil.Process(server.process.pid).children() if "server.engine" in each.cmdline()]
    return engine


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def answer(server: LiveServer, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def speak(server: LiveServer, number: int = 0) -> tuple[int, dict[str, str], bytes]:
    return answer(server, "/tts", {"text": f"This is sentence number {number}.", "cache": False})


def until(condition: Callable[[], bool]) -> None:
    assert eventually(condition, BACK_SECONDS), "it has not come about"


@contextmanager
def without_handles(server: LiveServer) -> Iterator[None]:
    """No process can be started meanwhile: the server may open nothing more."""
    process = psutil.Process(server.process.pid)
    before = process.rlimit(resource.RLIMIT_NOFILE)
    process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds(), before[1]))
    yield
    with suppress(psutil.NoSuchProcess):  # it may have ended meanwhile
        process.rlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_that_ends_or_hangs_is_replaced_while_another_provider_speaks(
    data_dir: Path, number: signal.Signals
) -> None:
    environment = {"TTSCOPE_PROVIDERS": "coqui,onnx", "TTSCOPE_ENGINE_STALL_SECONDS": "5"}
    with LiveServer(data_dir, **environment) as server:
        server.wait_until_ready()
        assert speak(server)[1]["X-TTS-Provider"] == "coqui"
        engine = engine_of(server)
        answers: list[tuple[int, dict[str, str], bytes]] = []
        threads = [threading.Thread(target=lambda n=n: answers.append(speak(server, n))) for n in range(4)]
        if number is signal.SIGSTOP:
            halt(engine)
        else:
            engine.send_signal(number)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(status, headers["X-TTS-Provider"]) for status, headers, _ in answers] == [(200, "onnx")] * 4
        assert answer(server, "/ready")[0] == 200
        record = server.wait_for("the worker process is started again")
        assert record["worker"] == "engine"
        assert engine_of(server).pid != engine.pid
        assert not engine.is_running()
        until(lambda: speak(server)[1].get("X-TTS-Provider") == "coqui")
        text = answer(server, "/prometheus")[2].decode()
        assert samples(text, "tts_worker_restarts_total", worker="engine") == [1]
        assert samples(text, "tts_provider_available", provider="coqui") == [1]
        assert server.stop() == 0
    reason = "has not answered" if number is signal.SIGSTOP else "has ended"
    [lost] = [line for line in map(json.loads, server.logs.splitlines()) if line["message"].endswith("process is lost")]
    assert reason in lost["reason"]


def test_a_server_whose_only_engine_is_replaced_is_not_ready_meanwhile(data_dir: Path) -> None:
    with LiveServer(data_dir, TTSCOPE_PROVIDERS="coqui") as server:
        server.wait_until_ready()
        engine = engine_of(server)
        assert "libtorch" not in maps(server.process.pid)
        assert "libtorch" in maps(engine.pid)
        engine.kill()
        server.wait_for("the worker process is lost")
        assert answer(server, "/health")[0] == 200
        assert answer(server, "/ready")[0] == 503
        status, headers, body = speak(server)
        assert (status, json.loads(body)["error"]["code"]) == (503, "not_ready")
        assert int(headers["Retry-After"]) > 0
        server.wait_for("the worker process is started again")
        until(lambda: answer(server, "/ready")[0] == 200)
        until(lambda: speak(server)[0] == 200)
        assert server.stop() == 0


def test_a_server_whose_only_engine_cant_be_replaced_ends_for_its_supervisor(data_dir: Path) -> None:
    with LiveServer(data_dir, TTSCOPE_PROVIDERS="coqui") as server:
        server.wait_until_ready()
        with without_handles(server):
            engine_of(server).kill()
            assert server.wait() == 70


def test_a_server_that_loses_one_provider_for_good_goes_on_with_another(data_dir: Path) -> None:
    with LiveServer(data_dir, TTSCOPE_PROVIDERS="coqui,onnx") as server:
        server.wait_until_ready()
        with without_handles(server):
            engine_of(server).kill()
            record = server.wait_for("a provider is lost, the others go on without it")
            assert record["provider"] == "coqui"
        assert answer(server, "/ready")[0] == 200
        status, headers, _ = speak(server)
        assert (status, headers["X-TTS-Provider"]) == (200, "onnx")
        text = answer(server, "/prometheus")[2].decode()
        assert samples(text, "tts_provider_available", provider="coqui") == [0]
        assert server.stop() == 0


@pytest.mark.parametrize("stopped", [False, True])
def test_an_engine_ends_with_its_server_however_that_ends(data_dir: Path, stopped: bool) -> None:
    with LiveServer(data_dir) as server:
        server.wait_until_ready()
        engine = engine_of(server)
        if stopped:  # it does not see that its sockets are closed
            engine.suspend()
        server.process.kill()
        engine.wait(60)
        with pytest.raises(psutil.NoSuchProcess):
            engine.status()


async def test_a_lost_server_waits_for_no_reader(start: Start) -> None:
    provider = HummingProvider()
    provider.gate.clear()
    client = await start(provider, drain_seconds=600.0)
    request = asyncio.create_task(client.tts({"text": "Hello."}))
    async with asyncio.timeout(60):
        while samples(await client.prometheus(), "tts_requests_in_flight") != [1]:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await client.service.stop(lost=True)
    await asyncio.gather(request, return_exceptions=True)
