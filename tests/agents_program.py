"""Runs ``python -m tests.agents`` in the environment of the frameworks for agents, beside that of the tests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ROOT

PYTHON = Path(sys.prefix) / "agents" / "bin" / "python"
SECONDS = 150.0


def agents_python() -> Path:
    """Returns the environment's Python. Without it the test is skipped, and in CI it fails."""
    if not PYTHON.exists():
        how = "LiveKit and Pipecat are not installed: make .venv/.agents"
        if os.environ.get("CI") == "true":
            pytest.fail(how)
        pytest.skip(how)
    return PYTHON


def run_with_agents(*arguments: str | Path, **environment: str) -> str:
    """Runs a program in the environment, and returns its output."""
    command = [str(agents_python()), *map(str, arguments)]
    everything = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=ROOT, env=everything, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


async def client_results(url: str, text: str, long: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns what all clients got from a server, by framework and client."""
    output = await asyncio.to_thread(run_with_agents, "-m", "tests.agents", url, text, long)
    results: dict[str, dict[str, dict[str, Any]]] = json.loads(output)
    return results
