"""Mixed traffic of 45 seconds leaves nothing behind in the server; that of an hour: tests/long/test_soak.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.server_process import LiveServer
from tests.soak import SETTINGS, soak

SECONDS = 45.0


@pytest.mark.timeout(900)
async def test_nothing_grows_in_a_minute(voices_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(voices_folder, tmp_path / "voices", copy_function=os.link)
    with LiveServer(tmp_path, **SETTINGS) as server:
        soaked = await soak(server.wait_until_ready(), SECONDS)
        print(soaked)
        soaked.hold()
        assert server.stop() == 0
