"""A minute and a half of mixed traffic leaves nothing behind in the server; an hour of it: tests/long/test_soak.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.server_process import LiveServer
from tests.soak import SETTINGS, soak

SECONDS = 90.0


@pytest.mark.timeout(900)
async def test_nothing_grows_in_minutes(voices_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(voices_folder, tmp_path / "voices", copy_function=os.link)
    with LiveServer(tmp_path, **SETTINGS) as server:
        soaked = await soak(server.wait_until_ready(), SECONDS)
        print(soaked)
        soaked.hold()
        assert server.stop() == 0
