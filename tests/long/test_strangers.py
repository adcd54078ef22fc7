"""As tests/integration/test_strangers.py, with many more requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.test_strangers import SETTINGS, asked
from tests.server_process import LiveServer

EXAMPLES = 200


@pytest.mark.timeout(4 * 3600)
def test_no_mistake_and_no_hang(data_dir: Path, tmp_path: Path) -> None:
    with LiveServer(data_dir, **SETTINGS) as server:
        made = asked(server.wait_until_ready(), tmp_path, EXAMPLES, seconds=3 * 3600)
        print(f"{made} requests")
        assert made > 1_000
        assert server.stop() == 0
