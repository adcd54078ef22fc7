"""The server as a user starts it, where others would reach it and where its keys are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.access.key_database import KEYS_FILE
from tests.api_keys import bearer, create
from tests.http_calls import post
from tests.server_process import LiveServer

EVERYWHERE = "0.0.0.0"


@pytest.mark.parametrize("variable", ["TTSCOPE_HOST", "TTSCOPE_MANAGEMENT_HOST"])
def test_without_a_key_it_does_not_start_where_others_reach_it(data_dir: Path, variable: str) -> None:
    with LiveServer(data_dir, **{variable: EVERYWHERE}) as server:
        assert server.wait() == 2
    for way_out in (variable, "python -m server.keys create", "TTSCOPE_ALLOW_ANONYMOUS=true"):
        assert way_out.encode() in server.logs


def test_with_damaged_keys_it_does_not_start_even_if_everybody_may_come_in(data_dir: Path) -> None:
    (data_dir / KEYS_FILE).write_bytes(b"no database" * 500)
    with LiveServer(data_dir, TTSCOPE_ALLOW_ANONYMOUS="true") as server:
        assert server.wait() == 2
    assert b"damaged" in server.logs
    (data_dir / KEYS_FILE).unlink()


def test_with_a_key_it_starts_everywhere_and_asks_for_it(data_dir: Path) -> None:
    key = create(data_dir, "guest")
    with LiveServer(data_dir, TTSCOPE_HOST=EVERYWHERE, TTSCOPE_MANAGEMENT_HOST=EVERYWHERE) as server:
        url = server.wait_until_ready().url.replace(EVERYWHERE, "127.0.0.1")
        assert post(f"{url}/tts", {"text": "One."})[0] == 401
        assert post(f"{url}/tts", {"text": "One."}, **bearer(key))[0] == 200
        assert server.stop() == 0
