"""What ttscope runs, each program doing its work once, inside a sealed network; ``python -m tests.sealed_programs``.

A request is spoken, a page of the live dashboard is drawn, MLflow shows its page, and the drift job judges windows.
With ``--whole`` the rest of ``make stack`` runs too, and the server has more providers.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from drift.state.state_folder import name_of
from stack.services import collector, dashboard, drift, mlflow, server, stores
from stack.settings import StackSettings
from stack.supervisor import Supervisor
from tests.collector import Collector
from tests.drift_job import event, write_events
from tests.http_calls import fetch, speak
from tests.stack import built, eventually, free_ports, settings_in

READY_SECONDS = 300.0
"""All four start at once, on a machine that may be busy."""
WINDOW = timedelta(minutes=1)
WINDOWS = 4
"""The first three make the reference that Evidently compares the last one with."""
ROWS = 240
PROVIDERS = ("coqui", "onnx", "hibari", "kokoro")
FOREIGN = "http://evil.example"
SETTINGS = {
    "TTSCOPE_DASHBOARD_HOST": "0.0.0.0",  # as in a container: only then does Streamlit look for its own address
    "TTSCOPE_DRIFT_WINDOW_SECONDS": "60",
    "TTSCOPE_DRIFT_GRACE_SECONDS": "0",
    "TTSCOPE_DRIFT_COLD_WINDOWS": "3",
}


def main(folder: Path, data_dir: Path, seconds: float, *, whole: bool) -> None:
    """Runs the programs for at least ``seconds``. Raises AssertionError if one did not do its work."""
    settings = settings_in(folder)
    receiver = None
    services = []
    if whole:
        os.environ["TTSCOPE_PROVIDERS"] = ",".join(PROVIDERS)
        binaries = built()
        services = [*stores(settings, binaries), collector(settings, binaries)]
    else:
        receiver = Collector()  # exports succeed, so that no program waits for their end when it is stopped
        settings = settings.model_copy(update={"collector_grpc_port": urlsplit(receiver.endpoint).port})
    ports = free_ports(["TTSCOPE_PORT", "PROMETHEUS_PORT", "TTSCOPE_WYOMING_PORT"])
    os.environ.update({name: str(port) for name, port in ports.items()}, TTSCOPE_DATA_DIR=str(data_dir), **SETTINGS)
    first = write_windows(settings.events_folder)
    supervisor = Supervisor(folder / "logs")
    try:
        supervisor.start([*services, mlflow(settings), server(settings), dashboard(settings), drift(settings)])
        supervisor.wait_until_ready(READY_SECONDS)
        ready = time.monotonic()
        assert speak(f"http://127.0.0.1:{ports['TTSCOPE_PORT']}", "Hello world.")[0] == 200
        visit(settings)
        judged = settings.drift_folder / "windows"
        delivered = [judged / name_of(first + number * WINDOW) / "outputs.json" for number in range(WINDOWS)]
        assert eventually(lambda: all(map(is_in_mlflow, delivered)), READY_SECONDS), supervisor.log("drift").read_text()
        time.sleep(max(0.0, ready + seconds - time.monotonic()))
        supervisor.check()
    except BaseException:
        for name in supervisor.names:
            print(f"{name}:\n{supervisor.log(name).read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        supervisor.stop(*supervisor.names)
        if receiver:
            receiver.stop()
    assert psutil.Process().children() == []


def visit(settings: StackSettings) -> None:
    """Looks at the pages as a browser does, and at the live dashboard as a page of another site does too."""
    runs, live = settings.url(settings.mlflow_port), settings.url(settings.dashboard_port)
    assert fetch(runs, "text/html")
    assert json.loads(fetch(f"{runs}/ajax-api/3.0/mlflow/ui-telemetry"))["disable_ui_telemetry"]  # its page asks
    assert fetch(live, "text/html")
    asyncio.run(draw(live))
    assert asyncio.run(refused(live))


def is_in_mlflow(outputs: Path) -> bool:
    """Whether a window was judged and became a run; ``outputs`` is its file."""
    return outputs.exists() and "mlflow" in json.loads(outputs.read_text())["done"]


async def draw(url: str) -> None:
    """Opens a session and waits until its page is drawn."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/_stcore/stream", protocols=("streamlit",), origin=url, max_msg_size=0) as socket,
    ):
        await socket.send_bytes(BackMsg(rerun_script={"query_string": ""}).SerializeToString())
        kinds = set()
        async for message in socket:
            answer = ForwardMsg.FromString(message.data)
            kinds.add(answer.WhichOneof("type"))
            if answer.WhichOneof("type") == "script_finished":
                break
    assert {"navigation", "delta", "script_finished"} <= kinds, kinds


async def refused(url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(f"{url}/_stcore/stream", origin=FOREIGN):
                return False
        except aiohttp.WSServerHandshakeError as error:
            return error.status == 403


def write_windows(folder: Path) -> datetime:
    """Writes requests of some minutes that are over; returns when the first began."""
    now = datetime.now().astimezone().replace(second=0, microsecond=0)
    start = now - (WINDOWS + 1) * WINDOW
    gap = WINDOW / ROWS
    write_events(
        folder / "events.jsonl",
        (event(start + number * gap, number, 0.2 * (1 + number % 7 / 50)) for number in range(WINDOWS * ROWS)),
    )
    return start


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), whole="--whole" in sys.argv)
