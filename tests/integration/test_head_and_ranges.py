"""HEAD and ranges of the calls that are a GET: what Safari and casters ask for, and what is counted of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_keys import bearer, create
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

CALLS = [("/api/tts", {"text": "Hello world, it is me."}), ("/process", {"INPUT_TEXT": "Hello world, it is me."})]
each_call = pytest.mark.parametrize(("path", "params"), CALLS)


async def get(client: Client, path: str, params: dict[str, str], method: str = "GET", **headers: str) -> Any:
    url = client.url + path
    async with client.session.request(method, url, params=params, headers=headers) as response:
        return response.status, response.headers, await response.read()


@each_call
async def test_safari_plays_it(start: Start, path: str, params: dict[str, str]) -> None:
    client = await start(cache_bytes=2**24)
    status, headers, whole = await get(client, path, params)
    assert (status, headers["Accept-Ranges"], int(headers["Content-Length"])) == (200, "bytes", len(whole))
    tag = headers["ETag"]
    status, headers, first = await get(client, path, params, Range="bytes=0-1")
    assert (status, first) == (206, whole[:2])
    assert headers["Content-Range"] == f"bytes 0-1/{len(whole)}"
    assert (headers["Content-Length"], headers["Content-Type"], headers["ETag"]) == ("2", "audio/wav", tag)
    half = len(whole) // 2
    _, headers, rest = await get(client, path, params, Range=f"bytes={half}-", **{"If-Range": tag})
    assert headers["Content-Range"] == f"bytes {half}-{len(whole) - 1}/{len(whole)}"
    assert rest == whole[half:]
    assert headers["X-TTS-Cache"] == "hit"
    text = await client.prometheus()
    by_status = {code: samples(text, "tts_requests_total", endpoint=path, status_code=code) for code in ("200", "206")}
    assert by_status == {"200": [1], "206": [2]}


async def test_an_mp3_is_the_same_when_it_comes_from_the_cache(start: Start) -> None:
    client = await start(cache_bytes=2**24)
    params = {**CALLS[1][1], "AUDIO": "MP3_FILE"}
    _, headers, whole = await get(client, "/process", params)
    assert headers["X-TTS-Cache"] == "miss"
    status, headers, rest = await get(client, "/process", params, Range="bytes=2-", **{"If-Range": headers["ETag"]})
    assert (status, headers["X-TTS-Cache"], rest) == (206, "hit", whole[2:])


@each_call
async def test_what_can_not_be_had_in_a_range_is_whole_or_refused(
    start: Start, path: str, params: dict[str, str]
) -> None:
    client = await start()
    _, headers, whole = await get(client, path, params)
    for more in (
        {"Range": "bytes=0-1,4-5"},
        {"Range": "bytes=5-1"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
    ):
        status, headers, body = await get(client, path, params, **more)
        assert (status, body, "Content-Range" in headers) == (200, whole, False)
    status, headers, body = await get(client, path, params, Range=f"bytes={len(whole)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert b"range_not_satisfiable" in body
    assert samples(await client.prometheus(), "tts_requests_total", outcome="rejected", status_code="416") == [1]
    async with client.session.post(client.url + path, data=params, headers={"Range": "bytes=0-1"}) as response:
        assert (response.status, await response.read()) == (200, whole)  # of a POST, there are no ranges


@each_call
async def test_head_tells_what_there_is_and_speaks_nothing(start: Start, path: str, params: dict[str, str]) -> None:
    provider = HummingProvider()
    client = await start(provider)
    status, headers, body = await get(client, path, params, "HEAD")
    assert (status, headers["Content-Type"], headers["Accept-Ranges"], body) == (200, "audio/wav", "bytes", b"")
    assert not {"Content-Length", "Transfer-Encoding"} & set(headers)
    assert not provider.listeners
    assert (await get(client, path, params))[0] == 200  # on the same connection
    assert (await get(client, path, {}, "HEAD"))[0] == 422
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", method="HEAD") == [1]  # the one that was refused
    assert sum(samples(text, "tts_requests_total", outcome="ok")) == 1
    assert samples(text, "tts_requests_in_flight") == [0]
    summary = await client.json("/metrics")
    assert (summary["successful_requests"], summary["rejected_requests"], summary["requests_in_flight"]) == (1, 1, 0)


async def test_head_of_other_calls_is_refused_as_ever(start: Start) -> None:
    client = await start()
    status, headers, _ = await get(client, "/tts", {}, "HEAD")
    assert (status, headers["Allow"]) == (405, "POST")


async def test_head_waits_for_the_voices_as_a_get_does(start: Start) -> None:
    provider = HummingProvider(ready=False)
    client = await start(provider)
    for method in ("GET", "HEAD"):
        assert (await get(client, *CALLS[0], method))[0] == 503
    provider.may_start.set()


async def test_a_range_that_can_not_be_had_takes_of_the_quota_what_was_made(start: Start, tmp_path: Any) -> None:
    key = create(tmp_path, "app")
    client = await start(characters_per_month=1000)
    path, params = CALLS[0]
    headers = bearer(key)
    await get(client, path, params, **headers)
    status, answer, _ = await get(client, path, params, **headers, Range="bytes=99999999-")
    assert status == 416
    _, answer, _ = await get(client, path, params, "HEAD", **headers)
    spoken = len(params["text"])
    assert f"r={1000 - 2 * spoken}" in answer["RateLimit"]


@pytest.mark.parametrize(("audio", "kind"), [("MP3_FILE", "audio/mpeg"), ("WAVE_FILE", "audio/wav"), ("", "audio/wav")])
async def test_marys_clients_choose_mp3_or_wav(start: Start, audio: str, kind: str) -> None:
    client = await start()
    fields = {"INPUT_TEXT": "Hello world.", "AUDIO": audio}
    status, headers, body = await get(client, "/process", fields)
    assert (status, headers["Content-Type"]) == (200, kind)
    async with client.session.post(f"{client.url}/process", data=fields) as response:
        assert (response.status, await response.read()) == (200, body)
    assert (await get(client, "/process", fields, "HEAD"))[1]["Content-Type"] == kind


@pytest.mark.parametrize("audio", ["AU_FILE", "AIFF_FILE", "mp3_file", "WAVE_FILE ", "wav"])
async def test_marys_other_formats_are_refused_by_name(start: Start, audio: str) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/process", params={"INPUT_TEXT": "a", "AUDIO": audio}) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (422, "unsupported_format", "AUDIO")
        assert error["message"] == "AUDIO must be one of WAVE_FILE, MP3_FILE"
    async with client.session.get(f"{client.url}/api/tts", params={"text": "a", "AUDIO": audio}) as response:
        assert response.status == 200  # tts-server's own call has no such field


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({}, None),
        ({"instructions": "Speak softly."}, "instructions"),
        ({"instructions": "", "user": None, "stream": None}, None),
        ({"user": "user-1", "stream": False, "instructions": "x"}, "instructions, stream, user"),
        ({"stream": True}, "stream"),
        ({"speed": None}, "speed"),
        ({"speed": 1.0}, None),
    ],
)
async def test_openais_fields_without_meaning_are_taken_and_named(
    start: Start, fields: dict[str, Any], ignored: str | None
) -> None:
    client = await start()
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello.", "response_format": "wav"}
    async with client.session.post(f"{client.url}/v1/audio/speech", json=body) as response:
        plain = await response.read()
    async with client.session.post(f"{client.url}/v1/audio/speech", json={**body, **fields}) as response:
        assert response.status == 200
        assert response.headers.get("X-TTS-Ignored") == ignored
        assert await response.read() == plain


@pytest.mark.parametrize(
    ("wrong", "param"), [({"stream": "yes"}, "stream"), ({"user": 7}, "user"), ({"temperature": 1}, None)]
)
async def test_what_openai_does_not_know_is_refused(start: Start, wrong: dict[str, Any], param: str | None) -> None:
    client = await start()
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello.", **wrong}
    async with client.session.post(f"{client.url}/v1/audio/speech", json=body) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (422, "invalid_request", param)
