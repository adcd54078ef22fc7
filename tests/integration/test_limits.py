"""The limits of clients over real HTTP: what a client reads of them, and what one that exceeds them gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from otel.contract.values import RateLimitReason
from server.access.caller import KeyLimits
from server.errors import EngineFailed
from tests.api_keys import bearer, create
from tests.humming_provider import HummingProvider, failing
from tests.raw_client import RawClient
from tests.service_client import Client, Start, samples

BEHIND_A_PROXY = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}
"""Every client of these tests is on this machine; what it forwards is from elsewhere."""
TEXT = "hello there"
LONG = ". ".join(["word " * 42] * 20)
"""273 s of audio: more than the kernel keeps for a connection."""
MINUTE = '"requests_per_minute";r='


def elsewhere(address: str = "192.0.2.1") -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def speak(client: Client, address: str = "192.0.2.1", text: str = TEXT, **body: Any) -> tuple[int, Any, bytes]:
    return await client.tts({"text": text, **body}, headers=elsewhere(address))


async def limited(client: Client) -> dict[str, float]:
    """The refused requests by limit."""
    text = await client.prometheus()
    return {reason: sum(samples(text, "tts_rate_limited_total", reason=reason)) for reason in RateLimitReason}


async def test_each_answer_says_what_is_left_and_one_more_is_refused(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=3)
    assert set((await limited(client)).values()) == {0}
    for left in (2, 1, 0):
        status, headers, _ = await speak(client, stream=left == 1)
        assert status == 200
        assert headers["RateLimit-Policy"] == '"requests_per_minute";q=3;w=60'
        assert headers["RateLimit"].startswith(f"{MINUTE}{left};t=")
    status, headers, body = await speak(client)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert headers["RateLimit"] == f"{MINUTE}0;t={headers['Retry-After']}"
    assert 0 < int(headers["Retry-After"]) <= 60
    assert "X-Should-Retry" not in headers
    assert (await speak(client, "192.0.2.2"))[0] == 200
    assert await limited(client) == {**dict.fromkeys(RateLimitReason, 0), RateLimitReason.REQUESTS_PER_MINUTE: 1}
    text = await client.prometheus()
    assert samples(text, "tts_errors_total", error_type="rate_limit_exceeded", side="client", endpoint="/tts") == [1]
    assert samples(text, "tts_requests_total", status_code="429", outcome="rejected") == [1]


async def test_a_bad_request_counts_for_the_minute_and_says_what_is_left(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=3, characters_per_month=100)
    status, headers, _ = await speak(client, voice_name="nobody")
    assert status == 404
    assert headers["RateLimit"].startswith(f"{MINUTE}2;t=60, ")
    assert '"characters_per_month";r=100;t=' in headers["RateLimit"]


async def test_what_costs_nothing_has_no_limit(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=1)
    for path in ("/health", "/ready", "/v1/models", "/v1/audio/voices", "/prometheus", "/metrics", "/") * 2:
        async with client.session.get(client.url + path, headers=elsewhere()) as response:
            assert response.status == 200
            assert "RateLimit" not in response.headers
    for status in (200, 429):
        async with client.session.post(
            f"{client.url}/v1/text/read", json={"text": TEXT}, headers=elsewhere()
        ) as response:
            assert response.status == status
            assert response.headers["RateLimit"].startswith(f"{MINUTE}0;")
    assert sum((await limited(client)).values()) == 1


async def test_who_is_on_this_machine_without_a_key_has_no_limit(start: Start) -> None:
    client = await start(requests_per_minute=1, concurrent_requests=1, audio_seconds_per_day=1, characters_per_month=1)
    answers = await asyncio.gather(*(client.tts({"text": TEXT}) for _ in range(5)))
    assert [status for status, _, _ in answers] == [200] * 5
    assert all("RateLimit" not in headers for _, headers, _ in answers)


async def test_many_addresses_do_not_refuse_others_and_a_network_of_64_bits_is_one_client(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=1)
    addresses = [f"198.51.100.{number}" for number in range(1, 101)] + [
        f"2001:db8:0:{number}::1" for number in range(100)
    ]
    answers = await asyncio.gather(*(speak(client, address) for address in addresses))
    assert {status for status, _, _ in answers} == {200}
    assert (await speak(client, "2001:db8:0:5:1:2:3:4"))[0] == 429
    assert (await speak(client, "2001:db8:1:5:1:2:3:4"))[0] == 200


async def test_what_was_spoken_is_counted_and_what_failed_is_not(start: Start) -> None:
    provider = HummingProvider()
    client = await start(
        provider, **BEHIND_A_PROXY, requests_per_minute=0, audio_seconds_per_day=10, characters_per_month=100
    )
    provider.failure = EngineFailed("broken")
    assert (await speak(client))[0] == 500
    provider.failure = None
    assert (await speak(client, voice_name="nobody"))[0] == 404
    _, headers, _ = await speak(client)
    assert f'"characters_per_month";r={100 - len(TEXT)};' in headers["RateLimit"]
    assert '"audio_seconds_per_day";r=9;' in headers["RateLimit"]


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_a_stream_that_fails_later_counts_what_the_client_was_sent(start: Start, stream_format: str) -> None:
    provider = failing(EngineFailed("broken"), after=2)
    client = await start(provider, **BEHIND_A_PROXY, requests_per_minute=0, characters_per_month=1000)
    body = {"model": "tts-1", "voice": "joe", "input": "one. two. three. four.", "stream_format": stream_format}
    async with client.session.post(f"{client.url}/v1/audio/speech", json=body, headers=elsewhere()) as response:
        assert response.status == 200
        with suppress(aiohttp.ClientError):
            await response.read()
    provider.failure = None
    _, headers, _ = await speak(client)
    assert f'"characters_per_month";r={1000 - len("one. two. three. four.") - len(TEXT)};' in headers["RateLimit"]


async def test_audio_from_the_cache_counts_as_any_other(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=0, characters_per_month=100, cache_bytes=10_000_000)
    answers = [(await speak(client))[1] for _ in range(2)]
    assert [headers["X-TTS-Cache"] for headers in answers] == ["miss", "hit"]
    left = [100 - len(TEXT), 100 - 2 * len(TEXT)]
    for headers, amount in zip(answers, left, strict=True):
        assert f'"characters_per_month";r={amount};' in headers["RateLimit"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"characters_per_month": 20}, RateLimitReason.CHARACTERS_PER_MONTH),
        ({"audio_seconds_per_day": 1}, RateLimitReason.AUDIO_SECONDS_PER_DAY),
    ],
)
async def test_openais_client_is_told_that_its_quota_is_spent_and_does_not_retry(
    start: Start, settings: dict[str, int], reason: RateLimitReason
) -> None:
    client = await start(**BEHIND_A_PROXY, **settings)
    async with AsyncOpenAI(
        base_url=f"{client.url}/v1", api_key="none", max_retries=5, default_headers=elsewhere()
    ) as sdk:
        await sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT)
        with pytest.raises(openai.RateLimitError) as refusal:
            await sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT)
    assert (refusal.value.code, refusal.value.type) == ("insufficient_quota", "insufficient_quota")
    assert int(refusal.value.response.headers["Retry-After"]) > 0
    assert await limited(client) == {**dict.fromkeys(RateLimitReason, 0), reason: 1}


async def test_openais_client_learns_that_its_minute_is_full(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=1)
    async with AsyncOpenAI(
        base_url=f"{client.url}/v1", api_key="none", max_retries=0, default_headers=elsewhere()
    ) as sdk:
        await sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT)
        with pytest.raises(openai.RateLimitError) as refusal:
            await sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT)
    assert refusal.value.code == "rate_limit_exceeded"


async def test_openais_client_retries_when_it_is_told_to(start: Start) -> None:
    """After Retry-After, by when the other request has ended."""
    provider = HummingProvider()
    client = await start(provider, **BEHIND_A_PROXY, concurrent_requests=1)
    provider.gate.clear()
    async with AsyncOpenAI(
        base_url=f"{client.url}/v1", api_key="none", max_retries=5, default_headers=elsewhere()
    ) as sdk:
        first = asyncio.create_task(sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT))
        await client.until(lambda summary: summary["requests_in_flight"] == 1)
        second = asyncio.create_task(sdk.audio.speech.create(model="tts-1", voice="joe", input=TEXT))
        async with asyncio.timeout(60):
            while not (await limited(client))[RateLimitReason.CONCURRENT_REQUESTS]:
                await asyncio.sleep(0.01)
        provider.gate.set()
        assert (await first).content
        assert (await second).content


async def is_whole(client: Client, provider: HummingProvider) -> None:
    assert (await speak(client))[0] == 200


async def is_streamed(client: Client, provider: HummingProvider) -> None:
    assert (await speak(client, stream=True))[0] == 200


async def is_refused(client: Client, provider: HummingProvider) -> None:
    assert (await speak(client, voice_name="nobody"))[0] == 404


async def fails(client: Client, provider: HummingProvider) -> None:
    provider.failure = EngineFailed("broken")
    assert (await speak(client))[0] == 500


async def fails_in_mid_stream(client: Client, provider: HummingProvider) -> None:
    provider.failure, provider.fail_after = RuntimeError("a bug"), 1
    with pytest.raises(aiohttp.ClientPayloadError):
        await speak(client, text="One. Two. Three.", stream=True)


async def opened(client: Client, size: int | None = None, **body: Any) -> RawClient:
    """A connection over which a request was sent; its body has ``size`` bytes, of which some may be missing."""
    data = json.dumps(body).encode()
    head = (
        "POST /tts HTTP/1.1",
        "Host: localhost",
        "X-Forwarded-For: 192.0.2.1",
        "Content-Type: application/json",
        f"Content-Length: {size or len(data)}",
    )
    connection = await RawClient.connect(client.url)
    await connection.send("\r\n".join((*head, "", "")).encode() + data)
    await client.until(lambda summary: summary["requests_in_flight"] == 1)
    return connection


async def leaves_before_its_answer(client: Client, provider: HummingProvider) -> None:
    provider.gate.clear()
    (await opened(client, text=TEXT)).reset()


async def leaves_before_its_body(client: Client, provider: HummingProvider) -> None:
    (await opened(client, 1000, text=TEXT)).reset()


async def leaves_in_mid_stream(client: Client, provider: HummingProvider) -> None:
    connection = await opened(client, text=LONG, stream=True)
    assert (await connection.head())[0] == 200
    connection.reset()


async def is_cut_off(client: Client, provider: HummingProvider) -> None:
    """It reads nothing; the text is read until the server gives up."""
    await opened(client, text=LONG, stream=True)


@pytest.mark.parametrize(
    "ending",
    [
        is_whole,
        is_streamed,
        is_refused,
        fails,
        fails_in_mid_stream,
        leaves_before_its_answer,
        leaves_before_its_body,
        leaves_in_mid_stream,
        is_cut_off,
    ],
)
async def test_the_next_request_is_accepted_however_the_last_one_ended(
    start: Start, ending: Callable[[Client, HummingProvider], Awaitable[None]]
) -> None:
    provider = HummingProvider()
    client = await start(provider, **BEHIND_A_PROXY, concurrent_requests=1, send_seconds=0.3)
    await ending(client, provider)
    await client.until(lambda summary: summary["requests_in_flight"] == 0)
    provider.failure = None
    provider.gate.set()
    status, headers, _ = await speak(client)
    assert status == 200
    assert '"concurrent_requests";r=0' in headers["RateLimit"]


async def test_a_key_has_limits_of_its_own_wherever_it_is_used(start: Start, tmp_path: Path) -> None:
    """Keys that call from this machine have limits too, and 0 lifts one."""
    ones = create(tmp_path, "one", limits=KeyLimits(requests_per_minute=2))
    others = create(tmp_path, "standard")
    frees = create(tmp_path, "free", limits=KeyLimits(requests_per_minute=0))
    client = await start(requests_per_minute=1, **BEHIND_A_PROXY)
    statuses = {}
    for name, key in (("one", ones), ("standard", others), ("free", frees)):
        statuses[name] = [
            (await client.tts({"text": TEXT}, headers=bearer(key) | elsewhere(address)))[0]
            for address in ("192.0.2.1", "192.0.2.2", "127.0.0.1")
        ]
    assert statuses == {"one": [200, 200, 429], "standard": [200, 429, 429], "free": [200, 200, 200]}


async def spoken_by(provider: HummingProvider, count: int) -> None:
    """Waits until the provider has had so many requests."""
    async with asyncio.timeout(60):
        while len(provider.listeners) < count:
            await asyncio.sleep(0.01)


async def test_two_keys_behind_one_address_take_turns(start: Start, tmp_path: Path) -> None:
    """The engine's schedule and the admission tell clients apart by their keys, so one with many requests takes no
    place of one with a single request."""
    keys = {name: create(tmp_path, name) for name in ("busy", "modest")}
    provider = HummingProvider()
    client = await start(provider, max_in_flight=4, max_client_share=0.5)
    provider.gate.clear()

    async def request(name: str) -> int:
        return (await client.tts({"text": TEXT}, headers=bearer(keys[name])))[0]

    modest = asyncio.create_task(request("modest"))
    await spoken_by(provider, 1)
    busy = [asyncio.create_task(request("busy")) for _ in range(5)]
    async with asyncio.timeout(60):
        while sum(each.done() for each in busy) < 3:
            await asyncio.sleep(0.01)
    late = asyncio.create_task(request("modest"))
    await spoken_by(provider, 4)
    provider.gate.set()
    assert sorted(await asyncio.gather(*busy)) == [200, 200, 429, 429, 429]
    assert [await modest, await late] == [200, 200]
    assert len({listener.client for listener in provider.listeners}) == 2
    assert all(listener.client.startswith("key:") for listener in provider.listeners)
