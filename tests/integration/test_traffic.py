"""The traffic script against the real server: it agrees, writes its data, and would notice if it did not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import ROOT, LiveServer

pytestmark = pytest.mark.timeout(1000)

ITERATIONS = 6  # every word and character range once for each voice and language


def run_traffic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.traffic", "--url", url, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def fresh(data_dir: Path) -> LiveServer:
    with LiveServer(data_dir) as server:
        yield server.wait_until_ready()


def test_the_servers_account_agrees_with_the_clients(fresh: LiveServer, tmp_path: Path) -> None:
    data = tmp_path / "requests.json"
    plan = ("--iterations", str(ITERATIONS), "--concurrency", "2", "--check-monitoring")
    done = run_traffic(fresh.url, *plan, "--json", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    for label in ("1-10", "11-25", "26-50", "51-100", "101-200", "200+", "1000+"):
        assert label in done.stdout
    recorded = json.loads(data.read_text())
    assert len(recorded["requests"]) >= 2 * ITERATIONS
    assert "Hello" not in data.read_text()
    cache = {one["result"]: one["answers"] for one in recorded["monitoring"]["cache"]}
    assert cache["miss"] > 2 * ITERATIONS - 3
    assert min(cache["hit"] + cache["coalesced"], cache["bypass"]) > 0


def test_without_a_server_it_says_so() -> None:
    done = run_traffic("http://127.0.0.1:9", "--wait", "1")
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stdout + done.stderr
