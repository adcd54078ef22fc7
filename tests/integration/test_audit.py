"""The audit log and the metrics of keys, through the real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel.contract.values import AuthenticationResult
from server.access.audit_chain import Chain
from server.access.audit_check import verify
from server.access.audit_file import AUDIT_FOLDER, CURRENT
from server.access.caller import Scope
from server.access.key_database import KEYS_FILE, KeyDatabase
from tests.api_keys import bearer, create, expired, revoked, unknown
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

TEXT = "Nobody may read this."
HELLO = {"text": TEXT}
WORDS = 4


async def finished(client: Client, data_dir: Path) -> list[dict[str, Any]]:
    """The entries of a server, after its orderly end."""
    await client.service.stop()
    assert verify(data_dir / AUDIT_FOLDER, Chain()).problems == []
    return [json.loads(line) for line in (data_dir / AUDIT_FOLDER / CURRENT).read_text().splitlines()]


async def management(client: Client, method: str, path: str, **request: Any) -> tuple[int, Any]:
    async with client.session.request(method, f"{client.service.management_url}{path}", **request) as response:
        return response.status, await response.json()


async def scraped(client: Client, condition: Callable[[str], bool], key: str) -> str:
    """The metrics once they fulfil ``condition``."""
    async with asyncio.timeout(30):
        while True:
            async with client.session.get(f"{client.url}/prometheus", headers=bearer(key)) as response:
                text = await response.text()
            if condition(text):
                return text
            await asyncio.sleep(0.05)


def without(line: dict[str, Any], *names: str) -> dict[str, Any]:
    always = ("sequence", "time", "previous", "program", "request_id", "client")
    return {name: value for name, value in line.items() if name not in (*always, *names)}


async def test_refusals_are_written_with_the_key_that_was_used(start: Start, tmp_path: Path) -> None:
    keys = {
        "unknown": unknown(),
        "expired": expired(tmp_path),
        "revoked": revoked(tmp_path),
        "forbidden": create(tmp_path, "watcher", [Scope.OBSERVE]),
    }
    client = await start()
    statuses = [(await client.tts(HELLO))[0]]
    for key in keys.values():
        status, headers, _ = await client.tts(HELLO, headers=bearer(key))
        statuses.append(status)
    assert statuses == [401, 401, 401, 401, 403]
    entries = await finished(client, tmp_path)
    refused = [entry for entry in entries if entry["outcome"] == "refused"]
    assert [(entry["event"], entry["reason"], entry.get("key_name"), entry["subject"]) for entry in refused] == [
        ("authentication_failed", "missing", None, "/tts"),
        ("authentication_failed", "unknown", None, "/tts"),
        ("authentication_failed", "expired", "expired", "/tts"),
        ("authentication_failed", "revoked", "revoked", "/tts"),
        ("scope_refused", "insufficient_scope", "watcher", "/tts"),
    ]
    assert refused[-1]["request_id"] == headers["X-Request-ID"]
    assert len({entry["client"] for entry in refused}) == 1
    content = (tmp_path / AUDIT_FOLDER / CURRENT).read_text()
    assert not [key for key in keys.values() if key in content]
    assert "127.0.0.1" not in content


async def test_changes_of_keys_are_written_before_and_after(start: Start, tmp_path: Path) -> None:
    admin = bearer(create(tmp_path, "boss", [Scope.ADMIN]))
    client = await start()
    status, made = await management(client, "POST", "/admin/keys", json={"name": "phone"}, headers=admin)
    assert status == 201
    status, rotated = await management(client, "POST", f"/admin/keys/{made['id']}/rotate", json={}, headers=admin)
    assert status == 200
    assert (await management(client, "DELETE", f"/admin/keys/{made['id']}", headers=admin))[0] == 200
    assert (await management(client, "DELETE", "/admin/keys/absent", headers=admin))[0] == 404
    entries = [entry for entry in await finished(client, tmp_path) if entry["event"].startswith("key_")]
    who = {"key_id": entries[0]["key_id"], "key_name": "boss", "tenant": "default"}
    what = {"subject": made["id"], "name": "phone", "for_tenant": "default", "scopes": ["speak"]}
    assert [without(entry) for entry in entries] == [
        {"event": "key_created", "outcome": "started", **who},
        {"event": "key_created", "outcome": "ok", **who, **what},
        {"event": "key_rotated", "outcome": "started", **who, "subject": made["id"]},
        {"event": "key_rotated", "outcome": "ok", **who, **what},
        {"event": "key_revoked", "outcome": "started", **who, "subject": made["id"]},
        {"event": "key_revoked", "outcome": "ok", **who, **what},
        {"event": "key_revoked", "outcome": "started", **who, "subject": "absent"},
        {"event": "key_revoked", "outcome": "refused", **who, "subject": "absent", "reason": "unknown_key"},
    ]
    content = (tmp_path / AUDIT_FOLDER / CURRENT).read_text()
    assert made["key"] not in content
    assert rotated["key"] not in content


@pytest.mark.parametrize("required", [True, False])
async def test_without_an_audit_log_no_change_is_made_unless_the_operator_chose_so(
    start: Start, tmp_path: Path, required: bool
) -> None:
    admin = create(tmp_path, "boss", [Scope.ADMIN, Scope.OBSERVE])
    (tmp_path / AUDIT_FOLDER).write_text("a file where the folder should be")
    client = await start(audit_required=required)
    status, answer = await management(client, "POST", "/admin/keys", json={"name": "phone"}, headers=bearer(admin))
    names = {record.name for record in KeyDatabase(tmp_path / KEYS_FILE).read()}
    if required:
        assert (status, answer["error"]["code"]) == (503, "audit_unavailable")
        assert names == {"boss"}
    else:
        assert status == 201
        assert names == {"boss", "phone"}
    lost = "tts_audit_failures_total"
    await scraped(client, lambda text: sum(samples(text, lost, reason="io_error")) > 0, admin)


async def test_every_route_that_changes_something_is_in_the_audit_log(start: Start) -> None:
    applications = (await start()).service.applications
    routes = (*applications.api_routes(), *applications.management_routes())
    changing = [route for route in routes if route.scope in (Scope.VOICES, Scope.ADMIN) and route.method != "GET"]
    assert len(changing) >= 5
    assert [f"{route.method} {route.path}" for route in changing if route.change is None] == []
    assert [route.path for route in routes if route.change is not None and route not in changing] == []


async def test_a_server_writes_its_start_and_end_and_what_was_set(start: Start, tmp_path: Path) -> None:
    client = await start(cache_secret="a secret of the cache")
    entries = await finished(client, tmp_path)
    assert [(entry["event"], entry["outcome"]) for entry in entries] == [
        ("server_started", "ok"),
        ("server_stopped", "ok"),
    ]
    assert {"TTSCOPE_PORT", "TTSCOPE_DATA_DIR", "TTSCOPE_CACHE_SECRET"} <= {*entries[0]["settings"]}
    assert "a secret of the cache" not in json.dumps(entries)


async def test_a_client_above_its_limit_is_written_with_its_key(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "phone")
    client = await start(requests_per_minute=2)
    statuses = [(await client.tts(HELLO, headers=bearer(key)))[0] for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    entries = [entry for entry in await finished(client, tmp_path) if entry["event"] == "rate_limited"]
    assert [(entry["key_name"], entry["reason"], entry.get("count", 1)) for entry in entries] == [
        ("phone", "requests_per_minute", 1),
        ("phone", "requests_per_minute", 1),
    ]


async def test_keys_that_were_changed_by_hand_are_written(start: Start, tmp_path: Path) -> None:
    file, key = tmp_path / "keys.json", {"id": "k" * 12, "sha256": ["0" * 64], "scopes": ["speak"]}
    file.write_text(json.dumps({"keys": [{**key, "name": "phone"}]}))
    client = await start(keys_file=file)
    file.write_text(json.dumps({"keys": [{**key, "id": "t" * 12, "sha256": ["1" * 64], "name": "tablet"}]}))
    log = tmp_path / AUDIT_FOLDER / CURRENT
    async with asyncio.timeout(30):
        while not log.exists() or '"keys_read"' not in log.read_text():
            await asyncio.sleep(0.05)
    [entry] = [entry for entry in await finished(client, tmp_path) if entry["event"] == "keys_read"]
    assert without(entry) == {"event": "keys_read", "outcome": "ok", "added": ["tablet"], "removed": ["phone"]}


async def test_a_changed_dictionary_is_written(start: Start, tmp_path: Path) -> None:
    client = await start()
    folder, log = tmp_path / "pronunciations", tmp_path / AUDIT_FOLDER / CURRENT
    folder.mkdir()
    (folder / "brands.csv").write_text("text,say\nttscope,tee tee scope\n")
    async with asyncio.timeout(30):
        while not log.exists() or '"dictionary_changed"' not in log.read_text():
            await asyncio.sleep(0.05)
    [entry] = [entry for entry in await finished(client, tmp_path) if entry["event"] == "dictionary_changed"]
    assert without(entry) == {"event": "dictionary_changed", "outcome": "ok", "subject": "brands.csv"}


@pytest.mark.parametrize(
    ("chosen", "events"), [("off", []), ("denied", ["refused"]), ("all", ["ok", "refused", "refused"])]
)
async def test_the_operator_chooses_which_requests_are_written(
    start: Start, tmp_path: Path, chosen: str, events: list[str]
) -> None:
    key = create(tmp_path, "phone")
    client = await start(audit_requests=chosen)
    assert (await client.tts(HELLO, headers=bearer(key)))[0] == 200
    assert (await client.tts({"text": ""}, headers=bearer(key)))[0] == 422
    assert (await client.tts(HELLO))[0] == 401
    entries = [entry for entry in await finished(client, tmp_path) if not entry["event"].startswith("server_")]
    assert [entry["outcome"] for entry in entries] == events
    if chosen == "all":
        spoken, refused, _ = entries
        assert without(spoken, "key_id", "tenant") == {
            "event": "speech_requested",
            "outcome": "ok",
            "key_name": "phone",
            "subject": "/tts",
            "voice": "joe",
            "characters": len(TEXT),
        }
        assert refused["reason"] == "nothing_to_speak"
    assert TEXT not in (tmp_path / AUDIT_FOLDER / CURRENT).read_text()


async def test_attempts_and_use_are_counted_by_key(start: Start, tmp_path: Path) -> None:
    phone = create(tmp_path, "phone", expires=2e9)
    watcher = create(tmp_path, "watcher", [Scope.OBSERVE])
    old = revoked(tmp_path)
    client = await start(HummingProvider())
    for key in (phone, phone, watcher, old):
        await client.tts(HELLO, headers=bearer(key))
    await client.tts(HELLO)
    late, words = create(tmp_path, "late"), "tts_words_total"  # the server follows
    text = await scraped(client, lambda text: bool(samples(text, words, client="late")), watcher)
    assert set(samples(text, words, client="late")) == {0}
    async with asyncio.timeout(30):
        while (await client.tts(HELLO, headers=bearer(late)))[0] != 200:
            await asyncio.sleep(0.05)
    text = await scraped(client, lambda text: samples(text, words, client="late")[0] > 0, watcher)
    assert samples(text, "tts_words_total", client="phone")[0] == 2 * WORDS
    assert samples(text, "tts_characters_total", client="phone")[0] == 2 * len(TEXT)
    assert samples(text, "tts_words_total", client="late")[0] >= WORDS
    assert samples(text, "tts_words_total", client="other") == []
    attempts = {result: samples(text, "tts_auth_attempts_total", result=result)[0] for result in AuthenticationResult}
    assert attempts["forbidden"] == attempts["revoked"] == attempts["missing"] == 1
    assert attempts["ok"] >= 4
    [left] = samples(text, "tts_key_expiry_seconds", client="phone")
    assert 0 < left < 2e9
    assert len(samples(text, "tts_key_expiry_seconds")) == 1
    entries = "tts_audit_entries_total"
    text = await scraped(client, lambda text: samples(text, entries, event="authentication_failed")[0] >= 2, watcher)
    assert samples(text, entries, event="server_started") == [1]
    assert samples(text, "tts_audit_failures_total") == [0] * 5


async def test_a_revoked_key_keeps_its_name_in_metrics(start: Start, tmp_path: Path) -> None:
    phone, watcher = create(tmp_path, "phone"), create(tmp_path, "watcher", [Scope.OBSERVE])
    client = await start()
    await client.tts(HELLO, headers=bearer(phone))
    KeyDatabase(tmp_path / KEYS_FILE).revoke("phone")
    async with asyncio.timeout(30):
        while (await client.tts(HELLO, headers=bearer(phone)))[0] != 401:
            await asyncio.sleep(0.05)
    text = await scraped(client, lambda text: True, watcher)
    assert samples(text, "tts_words_total", client="phone")[0] >= WORDS
    assert samples(text, "tts_auth_attempts_total", result="revoked")[0] >= 1
