"""Every route of both ports with every kind of key, by the tables that the server itself builds its ports from."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.access.caller import Scope
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.route_rules import KeyState, refusal
from server.errors import error_type
from server.routes.route import Route
from tests.api_keys import bearer, create, expired, mistyped, revoked, unknown
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

HELLO = {"text": "Hello there."}


@dataclass
class Guarded:
    """A service with keys."""

    client: Client
    keys: dict[tuple[Scope | None, KeyState], str | None]
    """The key of each scope and state."""
    addresses: Iterator[int]
    """Numbers of clients: no test is about the limit of failed attempts but the one that says so."""

    @property
    def routes(self) -> list[tuple[str, Route]]:
        """Every route, with the address of its port."""
        applications = self.client.service.applications
        ports = ((self.client.url, applications.api_routes()), (self.management, applications.management_routes()))
        return [(url, route) for url, routes in ports for route in routes]

    @property
    def management(self) -> str:
        assert self.client.service.management_url is not None
        return self.client.service.management_url

    async def call(
        self, url: str, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> tuple[int, dict[str, str], bytes]:
        number = next(self.addresses)
        headers = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250}", **(headers or {})}
        async with self.client.session.request(method, url + path, headers=headers, **request) as response:
            return response.status, dict(response.headers), await response.read()


@pytest.fixture
async def guarded(start: Start, tmp_path: Path) -> Guarded:
    with_scope = {scope: create(tmp_path, f"only-{scope}", [scope]) for scope in Scope}
    without = {scope: create(tmp_path, f"not-{scope}", set(Scope) - {scope}) for scope in Scope}
    everybody: dict[KeyState, str | None] = {
        KeyState.NONE: None,
        KeyState.MALFORMED: mistyped(with_scope[Scope.ADMIN]),
        KeyState.UNKNOWN: unknown(),
        KeyState.EXPIRED: expired(tmp_path),
        KeyState.REVOKED: revoked(tmp_path),
    }
    keys: dict[tuple[Scope | None, KeyState], str | None] = {}
    for scope in (None, *Scope):
        keys |= {(scope, state): key for state, key in everybody.items()}
        keys[scope, KeyState.WITH_SCOPE] = with_scope[scope or Scope.SPEAK]
        keys[scope, KeyState.WITHOUT_SCOPE] = without[scope or Scope.SPEAK]
    client = await start(trusted_proxies="127.0.0.1")
    return Guarded(client, keys, itertools.count())


async def test_every_route_lets_in_who_may_and_nobody_else(guarded: Guarded) -> None:
    """A route without a rule fails: the server has no scope for it, and answers 500."""
    wrong = []
    calls = 0
    for (url, route), state in itertools.product(guarded.routes, KeyState):
        key = guarded.keys[route.scope, state]
        loopback = url == guarded.management
        expected = refusal(route.scope, state, loopback_management=loopback)
        for method in (route.method, *(("HEAD",) if route.method == "GET" and route.head else ())):
            status, headers, body = await guarded.call(
                url, method, re.sub(r"\{\w+\}", "absent", route.path), bearer(key) if key else {}
            )
            calls += 1
            right = status not in (401, 403, 500) if expected is None else status == expected.status
            if right and expected is not None:
                challenge = headers["WWW-Authenticate"]
                right = challenge.startswith('Bearer realm="ttscope"')
                if method != "HEAD" and route.error_format is None:
                    error = json.loads(body)["error"]
                    right = right and error["code"] == error_type(expected) and bool(error["message"])
                if state is KeyState.WITHOUT_SCOPE:
                    right = right and f'scope="{route.scope}"' in challenge
                    right = right and (method == "HEAD" or str(route.scope) in body.decode())
            if not right:
                wrong.append((method, route.path, state, status))
    assert wrong == []
    assert calls > 30 * len(KeyState)


async def test_without_keys_everybody_on_this_machine_may_do_everything(start: Start) -> None:
    guarded = Guarded(await start(), {}, itertools.count())
    for url, route in guarded.routes:
        status, _, _ = await guarded.call(url, route.method, re.sub(r"\{\w+\}", "absent", route.path))
        assert status not in (401, 403, 500), route.path


async def test_an_open_server_lets_nobody_manage_keys_without_one(start: Start) -> None:
    client = await start(management_host="0.0.0.0", allow_anonymous=True)
    url = (client.service.management_url or "").replace("0.0.0.0", "127.0.0.1")
    guarded = Guarded(client, {}, itertools.count())
    status, _, body = await guarded.call(url, "POST", "/admin/keys", json={"name": "mine", "scopes": ["admin"]})
    assert (status, json.loads(body)["error"]["code"]) == (401, "missing_api_key")
    assert (await guarded.call(url, "GET", "/metrics"))[0] == 200
    assert (await client.tts(HELLO))[0] == 200


async def test_beyond_the_loopback_metrics_of_the_management_port_need_the_scope(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "prometheus", [Scope.OBSERVE])
    client = await start(management_host="0.0.0.0")
    url = (client.service.management_url or "").replace("0.0.0.0", "127.0.0.1")
    guarded = Guarded(client, {}, itertools.count())
    for path in ("/metrics", "/prometheus"):
        assert (await guarded.call(url, "GET", path))[0] == 401
        assert (await guarded.call(url, "GET", path, bearer(key)))[0] == 200
    for path in ("/health", "/ready"):
        assert (await guarded.call(url, "GET", path))[0] == 200


async def test_a_key_may_come_in_three_headers_but_two_keys_in_none(guarded: Guarded) -> None:
    key, other = guarded.keys[Scope.SPEAK, KeyState.WITH_SCOPE], guarded.keys[Scope.ADMIN, KeyState.WITH_SCOPE]
    assert key
    assert other
    url = guarded.client.url
    headers: list[dict[str, str]] = [
        bearer(key),
        {"authorization": f"bearer  {key} "},
        {"Authorization": f"Token {key}"},  # as Deepgram's clients send it
        {"X-API-Key": key},
        {"xi-api-key": key},
        {**bearer(key), "X-API-Key": key, "xi-api-key": key},
        {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": key},
    ]
    for each in headers:
        assert (await guarded.call(url, "POST", "/tts", each, json=HELLO))[0] == 200, list(each)
    for each in ({**bearer(key), "X-API-Key": other}, {"X-API-Key": key, "xi-api-key": other}):
        status, _, body = await guarded.call(url, "POST", "/tts", each, json=HELLO)
        assert (status, json.loads(body)["error"]["code"]) == (400, "conflicting_api_keys")
    for each in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Digest {key}"}, {"X-API-Key": ""}):
        status, _, body = await guarded.call(url, "POST", "/tts", each, json=HELLO)
        assert (status, json.loads(body)["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_key_in_the_query_is_for_web_sockets_alone_and_only_if_allowed(
    start: Start, tmp_path: Path, allowed: bool
) -> None:
    key = create(tmp_path, "browser", [Scope.SPEAK])
    guarded = Guarded(await start(query_keys=allowed), {}, itertools.count())
    socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    url, path = guarded.client.url, f"/v1/audio/voices?api_key={key}"
    assert (await guarded.call(url, "GET", path))[0] == 401
    assert (await guarded.call(url, "GET", path, socket))[0] == (200 if allowed else 401)
    other = {**socket, **bearer(unknown())}
    assert (await guarded.call(url, "GET", path, other))[0] == (400 if allowed else 401)


async def test_every_refusal_of_a_speech_request_is_recorded_once(guarded: Guarded) -> None:
    client, expected = guarded.client, dict[str, int]()
    for state in KeyState:
        key = guarded.keys[Scope.SPEAK, state]
        status, headers, _ = await guarded.call(
            client.url, "POST", "/v1/audio/speech", bearer(key) if key else {}, data=b"{"
        )
        assert len(headers["X-Trace-ID"]) == 32
        error = refusal(Scope.SPEAK, state)
        code = error_type(error) if error else "unsupported_media_type"
        expected[code] = expected.get(code, 0) + 1
        assert status == (error.status if error else 415)
    key = guarded.keys[Scope.OBSERVE, KeyState.WITH_SCOPE]
    assert key
    _, _, text = await guarded.call(client.url, "GET", "/prometheus", bearer(key))
    for code, count in expected.items():
        assert samples(text.decode(), "tts_errors_total", error_type=code, endpoint="/v1/audio/speech") == [count]
    rejected = samples(text.decode(), "tts_requests_total", endpoint="/v1/audio/speech", outcome="rejected")
    assert sum(rejected) == len(KeyState)


async def test_a_refused_body_is_not_taken(guarded: Guarded) -> None:
    """Nor is it invited: the answer comes instead of 100 Continue. 100 MB are announced and hardly any are sent."""
    host, port = guarded.client.url.removeprefix("http://").split(":")
    announced = 100_000_000
    for expectation in ("", "Expect: 100-continue\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"PUT /v1/audio/voices/mine HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {unknown()}\r\n{expectation}"
            f"Content-Length: {announced}\r\n\r\n".encode()
        )
        if not expectation:
            writer.write(bytes(1000))
        async with asyncio.timeout(30):
            answer = await reader.read()  # up to the end: the server closes its side
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nConnection: close\r\n" in answer
        assert b"100 Continue" not in answer
        writer.close()
    key = guarded.keys[Scope.SPEAK, KeyState.WITH_SCOPE]
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(HELLO).encode()
    writer.write(
        f"POST /tts HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nExpect: 100-continue\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_brute_force_is_limited_for_its_address_alone(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "good")
    client = await start(trusted_proxies="127.0.0.1")
    for network in ("10.1.1.1", "2001:db8:1:2"):
        statuses = []
        for number in range(12):
            address = network if "." in network else f"{network}::{number}"
            headers = {**bearer(unknown()), "X-Forwarded-For": address}
            status, answered, _ = await client.tts(HELLO, headers=headers)
            statuses.append(status)
            assert (status == 429) == ("Retry-After" in answered)
        assert statuses == [401] * 10 + [429] * 2
        assert 1 <= int(answered["Retry-After"]) <= 60
        assert (await client.tts(HELLO, headers={**bearer(key), "X-Forwarded-For": address}))[0] == 200
    assert (await client.tts(HELLO, headers={**bearer(unknown()), "X-Forwarded-For": "2001:db8:1:3::1"}))[0] == 401


async def test_a_key_is_held_to_its_voices(start: Start, tmp_path: Path) -> None:
    everything, nothing = create(tmp_path, "all"), create(tmp_path, "none", voices=frozenset({"kan"}))
    joe = create(tmp_path, "joe", voices=frozenset({"joe"}))
    client = await start()
    for key, body, status in (
        (everything, HELLO, 200),
        (joe, HELLO, 200),
        (joe, {**HELLO, "voice_name": "alloy"}, 200),
        (nothing, HELLO, 403),
        (nothing, {**HELLO, "voice_name": "joe"}, 403),
        (nothing, {**HELLO, "voice_name": "alloy"}, 403),
        (nothing, {**HELLO, "voice_name": "nobody"}, 404),
    ):
        got, _, answer = await client.tts(body, headers=bearer(key))
        assert got == status
        if got == 403:
            error = json.loads(answer)["error"]
            assert (error["code"], error["param"]) == ("voice_not_allowed", "voice_name")
    for key, voices in ((everything, ["joe", "kan"]), (joe, ["joe"]), (nothing, ["kan"])):
        async with client.session.get(f"{client.url}/v1/audio/voices", headers=bearer(key)) as response:
            assert sorted(voice["id"] for voice in (await response.json())["voices"]) == voices
        async with client.session.get(f"{client.url}/voices", headers=bearer(key)) as response:
            assert sorted(line.split()[0] for line in (await response.text()).splitlines()) == voices


async def test_the_event_names_the_key(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "press-room")
    client = await start()
    await client.tts(HELLO, headers=bearer(key))
    await client.tts(HELLO)
    await client.service.stop()
    events = [json.loads(line) for line in (tmp_path / "events" / "requests.jsonl").read_text().splitlines()]
    refused = [json.loads(line) for line in (tmp_path / "events" / "refused.jsonl").read_text().splitlines()]
    assert ["press-room" in json.dumps(event) for event in events] == [True]
    assert ["anonymous" in json.dumps(event) for event in refused] == [True]


async def test_keys_are_managed_on_the_management_port(start: Start, tmp_path: Path) -> None:
    guarded = Guarded(await start(), {}, itertools.count())
    url, speak = guarded.management, guarded.client.url

    async def call(method: str, path: str, key: str | None = None, body: Any = None) -> tuple[int, Any]:
        request = {} if body is None else {"json": body}
        status, _, answer = await guarded.call(url, method, path, bearer(key) if key else {}, **request)
        return status, json.loads(answer)

    status, root = await call("POST", "/admin/keys", None, {"name": "root", "scopes": ["admin"]})
    assert status == 201
    assert (await guarded.client.tts(HELLO))[0] == 401  # the first key ends anonymous use at once
    assert (await call("GET", "/admin/keys"))[0] == 401
    admin = root["key"]
    status, made = await call(
        "POST",
        "/admin/keys",
        admin,
        {"name": "app", "scopes": ["speak"], "voices": ["joe"], "limits": {"requests_per_minute": 5}},
    )
    assert (status, made["state"], made["voices"]) == (201, "valid", ["joe"])
    assert (await guarded.client.tts(HELLO, headers=bearer(made["key"])))[0] == 200
    status, listed = await call("GET", "/admin/keys", admin)
    assert {key["name"] for key in listed["keys"]} == {"root", "app"}
    assert "ttscope_" not in json.dumps(listed)
    status, rotated = await call("POST", f"/admin/keys/{made['id']}/rotate", admin, {"grace_seconds": 0})
    assert (status, rotated["id"]) == (200, made["id"])
    assert (await guarded.client.tts(HELLO, headers=bearer(made["key"])))[0] == 401
    assert (await guarded.client.tts(HELLO, headers=bearer(rotated["key"])))[0] == 200
    assert (await call("DELETE", f"/admin/keys/{made['id']}", admin))[0] == 200
    assert (await guarded.client.tts(HELLO, headers=bearer(rotated["key"])))[0] == 401
    for method, path, body, expected in (
        ("DELETE", f"/admin/keys/{made['id']}", None, (404, "unknown_key")),
        ("DELETE", "/admin/keys/absent", None, (404, "unknown_key")),
        ("POST", "/admin/keys", {"name": "root"}, (422, "invalid_request")),
        ("POST", "/admin/keys", {"name": "a b"}, (422, "invalid_request")),
        ("POST", "/admin/keys", {"name": "anonymous"}, (422, "invalid_request")),
        ("POST", "/admin/keys", {"name": "x", "scopes": ["root"]}, (422, "invalid_request")),
        ("POST", "/admin/keys", {"name": "x", "secret": "y"}, (422, "invalid_request")),
    ):
        status, answer = await call(method, path, admin, body)
        assert (status, answer["error"]["code"]) == expected
    status, _, _ = await guarded.call(url, "POST", "/admin/keys", bearer(admin), data=b'{"name": "x"}')
    assert status == 415  # a form of another origin can't send JSON
    assert (await guarded.call(speak, "GET", "/admin/keys", bearer(admin)))[0] == 404


async def test_changes_of_the_command_count_within_a_second(start: Start, tmp_path: Path) -> None:
    client = await start()
    assert (await client.tts(HELLO))[0] == 200

    async def until(status: int, headers: dict[str, str] | None = None) -> None:
        async with asyncio.timeout(30):
            while (await client.tts(HELLO, headers=headers))[0] != status:
                await asyncio.sleep(0.05)

    key = create(tmp_path, "late")
    await until(401)
    await until(200, bearer(key))
    from server import keys

    assert keys.main(["--data-dir", str(tmp_path), "revoke", "late"]) == 0
    await until(401, bearer(key))


async def test_a_server_that_only_reads_its_keys_changes_none(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    guarded = Guarded(await start(HummingProvider(), keys_file=path), {}, itertools.count())
    assert (await guarded.client.tts(HELLO))[0] == 401
    assert (await guarded.call(guarded.management, "GET", "/admin/keys"))[0] == 401


async def test_a_revoked_key_ends_no_answer_that_has_begun(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "reports")
    provider = HummingProvider()
    client = await start(provider, data_dir=tmp_path)

    async def voices() -> int:
        async with client.session.get(f"{client.url}/v1/audio/voices", headers=bearer(key)) as response:
            return response.status

    body = {"text": "One sentence. Another one.", "stream": True}
    async with client.session.post(f"{client.url}/tts", json=body, headers=bearer(key)) as response:
        await response.content.readany()
        provider.gate.clear()
        KeyDatabase(tmp_path / KEYS_FILE).revoke("reports")
        async with asyncio.timeout(60):
            while await voices() != 401:
                await asyncio.sleep(0.05)
        provider.gate.set()
        await response.read()
    assert response.status == 200
