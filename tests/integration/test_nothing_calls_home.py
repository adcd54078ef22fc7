"""No program of ours looks up a name or sends a packet to an address that its user did not name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import sealed_network
from tests.sealed_network import ANSWER, Recording

LEAST_SECONDS = 12.0
"""onnxruntime makes its call 5 to 10 seconds after it has loaded a model."""
CALLS = {
    "a name": ("socket.gethostbyname('telemetry.example')", Recording(names=["telemetry.example"])),
    "a name and its address": (
        "socket.create_connection(('telemetry.example', 443), 0.1)",
        Recording(names=["telemetry.example"], addresses=[".".join(map(str, ANSWER))]),
    ),
    "an address": (
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'.', ('192.0.2.77', 4318))",
        Recording(addresses=["192.0.2.77"]),
    ),
    "nothing but the loopback": (
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'.', (socket.gethostbyname('localhost'), 4318))",
        Recording(),
    ),
}


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    sealed_network.require()


@pytest.mark.parametrize(("call", "expected"), CALLS.values(), ids=CALLS)
def test_whatever_calls_out_is_recorded(call: str, expected: Recording, tmp_path: Path) -> None:
    program = f"import contextlib, socket\nwith contextlib.suppress(TimeoutError):\n    {call}"
    code, output, recording = sealed_network.run([sys.executable, "-c", program], tmp_path)
    assert (code, recording) == (0, expected), output


@pytest.mark.timeout(900)
def test_server_drift_job_live_dashboard_and_mlflow_call_nobody(tmp_path: Path, data_dir: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.sealed_programs",
        str(tmp_path / "stack"),
        str(data_dir),
        str(LEAST_SECONDS),
    ]
    code, output, recording = sealed_network.run(command, tmp_path)
    assert code == 0, output
    assert recording == Recording()
