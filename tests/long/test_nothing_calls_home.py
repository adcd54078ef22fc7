"""A quarter of an hour of all that ``make stack`` runs: no name is looked up, no foreign address gets a packet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stack import cache
from tests import sealed_network
from tests.sealed_network import Recording
from tests.stack import built

SECONDS = os.environ.get("TTSCOPE_SEALED_SECONDS", "900")


@pytest.mark.timeout(2 * 3600)
def test_the_whole_stack_calls_nobody(tmp_path: Path, data_dir: Path) -> None:
    sealed_network.require()
    built()  # where there is a network
    command = [
        sys.executable,
        "-m",
        "tests.sealed_programs",
        str(tmp_path / "stack"),
        str(data_dir),
        SECONDS,
        "--whole",
    ]
    code, output, recording = sealed_network.run(command, tmp_path, TTSCOPE_CACHE_DIR=str(cache.root()))
    assert code == 0, output
    assert recording == Recording()
