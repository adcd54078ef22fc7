"""Entries of the dictionaries are listed, set and deleted on the management port, and count at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.text.dictionaries import DICTIONARIES_FOLDER
from tests.service_client import Client, Start

PATH = "/admin/pronunciations"
ENTRY = {"text": "nginx", "say": "engine x", "language": "en"}


async def call(client: Client, method: str, body: Any = None) -> tuple[int, Any]:
    request = {} if body is None else {"json": body}
    async with client.session.request(method, f"{client.service.management_url}{PATH}", **request) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def spoken(client: Client) -> str:
    """How the word is read."""
    async with client.session.post(f"{client.url}/v1/text/read", json={"text": "Use nginx."}) as response:
        sentences = (await response.json())["sentences"]
    return " ".join(stretch["spoken"] for sentence in sentences for stretch in sentence["stretches"])


async def test_an_entry_is_set_replaced_and_deleted(start: Start, tmp_path: Path) -> None:
    client = await start()
    before = await spoken(client)
    status, entry = await call(client, "PUT", ENTRY)
    assert (status, entry) == (200, {**ENTRY, "ipa": "", "case": False, "whole_word": True})
    assert "engine x" in await spoken(client)
    assert (await call(client, "PUT", {**ENTRY, "say": "engine ex"}))[0] == 200
    assert "engine ex" in await spoken(client)
    _, listed = await call(client, "GET")
    assert [each["say"] for each in listed["entries"]] == ["engine ex"]
    assert (tmp_path / DICTIONARIES_FOLDER / "added.csv").read_text().count("nginx") == 1
    assert (await call(client, "DELETE", {"text": "nginx", "language": "en"}))[0] == 204
    assert await spoken(client) == before
    status, answer = await call(client, "DELETE", {"text": "nginx", "language": "en"})
    assert (status, answer["error"]["code"]) == (404, "unknown_pronunciation")


async def test_what_is_wrong_is_named_and_changes_nothing(start: Start, tmp_path: Path) -> None:
    client = await start()
    for body, param in (
        ({"text": "nginx"}, None),
        ({"text": "", "say": "x"}, "text"),
        ({**ENTRY, "language": "English"}, "language"),
        ({**ENTRY, "file": "../../etc/passwd"}, None),
    ):
        status, answer = await call(client, "PUT", body)
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (422, "invalid_request", param)
    folder = tmp_path / DICTIONARIES_FOLDER
    folder.mkdir(exist_ok=True)
    assert not list(folder.iterdir())
    (folder / "added.csv").write_text("nothing")
    status, answer = await call(client, "PUT", ENTRY)
    assert status == 422
    assert "added.csv" in answer["error"]["message"]
