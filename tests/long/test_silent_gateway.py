"""A gateway whose node is lost answers nothing and closes nothing: an agent connects anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import sealed_network
from tests.server_process import ROOT
from tests.stack import built

pytestmark = pytest.mark.timeout(1800)  # the Collector is built, if it is not in the cache


def test_an_agent_connects_anew_when_its_connections_fall_silent(tmp_path: Path) -> None:
    sealed_network.require()
    if missing := [name for name in ("ss", "iptables") if shutil.which(name) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed")
    program = [sys.executable, "-m", "tests.silent_gateway", str(built()["collector"]), str(tmp_path)]
    command = [*sealed_network.NAMESPACES, *program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) > 0
