"""Slow readers over real sockets: what they hold, what they can't hold, and when they are cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples
from tests.slow_readers import SlowReader, admitted

MEGABYTE = 2**20
LONG = "word " * 42
"""13.6 s of audio, as a WAV file more than the kernel keeps for a connection."""
WAV_BYTES = 599_000
LONGER = ". ".join([LONG] * 20)
BUFFER = 32 * 1024
OUTCOMES = ("successful", "failed", "cancelled", "rejected")


def unsent(text: str) -> float:
    [value] = samples(text, "tts_unsent_bytes")
    return value


async def emptied(client: Client) -> dict[str, Any]:
    """The summary once nobody is inside, when nothing waits to be sent and every request has one outcome."""
    summary = await client.until(lambda s: s["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert unsent(text) == 0
    counted = {name: summary[f"{name}_requests"] for name in OUTCOMES}
    assert sum(counted.values()) == summary["total_requests"] == sum(samples(text, "tts_requests_total"))
    return summary


async def ask_from(address: str, client: Client, **body: Any) -> int:
    """The status of a request from another address of this machine."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0))) as session,
        session.post(f"{client.url}/tts", json=body) as response,
    ):
        await response.read()
        return response.status


@pytest.mark.parametrize("stream", [False, True])
async def test_256_slow_readers_and_the_257th_is_served(start: Start, stream: bool) -> None:
    client = await start(max_in_flight=4)
    four = asyncio.Semaphore(4)

    async def admit() -> SlowReader:
        async with four:
            return await admitted(client.url, text=LONG, stream=stream)

    readers = await asyncio.gather(*(admit() for _ in range(256)))
    await client.until(lambda s: s["requests_in_flight"] == 256)
    waiting = unsent(await client.prometheus())
    assert 0 < waiting <= 512 * MEGABYTE
    assert (await client.tts({"text": "hi"}))[0] == 200
    assert (await client.tts({"text": LONG}))[0] == 200
    for reader in readers:
        reader.leave()
    summary = await emptied(client)
    assert (summary["successful_requests"], summary["cancelled_requests"]) == (2, 256)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reader_below_the_least_rate_is_cut_off(start: Start, stream: bool) -> None:
    client = await start(send_seconds=2.0, min_send_rate=1000.0)
    reader = await admitted(client.url, buffer=BUFFER, text=LONG, stream=stream)
    assert await reader.trickle(0.15) < WAV_BYTES  # each 64 KB in less than two seconds, but not all of it
    reader.leave()
    summary = await emptied(client)
    assert summary["cancelled_requests"] == 1
    assert samples(await client.prometheus(), "tts_slow_requests_total", reason="slow_client") == [1]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_reader_above_the_least_rate_gets_all(start: Start, stream: bool) -> None:
    client = await start(send_seconds=2.0, min_send_rate=0.75)
    reader = await admitted(client.url, buffer=BUFFER, text=LONG, stream=stream)
    assert await reader.trickle(0.02) > WAV_BYTES
    reader.leave()
    assert (await emptied(client))["successful_requests"] == 1


async def test_a_stream_that_nobody_reads_keeps_nobody_out(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, max_in_flight=1, max_queue_seconds=300.0)
    reader = await admitted(client.url, text=LONGER, stream=True)  # 273 s of audio
    status, _, _ = await client.tts({"text": ". ".join([LONG] * 10)})
    assert status == 200
    assert len(provider.listeners) == 2
    reader.leave()
    assert (await emptied(client))["cancelled_requests"] == 1
    assert provider.closed_generators == 2


async def test_a_stream_that_nobody_reads_ends_by_itself(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, send_seconds=0.3)
    reader = await admitted(client.url, text=LONGER, stream=True)
    assert (await emptied(client))["cancelled_requests"] == 1
    assert provider.closed_generators == 1
    reader.leave()


async def test_one_client_leaves_room_for_another(start: Start) -> None:
    client = await start(max_unsent_bytes=2 * MEGABYTE)
    readers = [await admitted(client.url, text=LONG)]  # 0.6 MB of the 1 MB that are one client's
    assert await client.refused({"text": LONG}) == (429, "queue_full", None)
    assert (await client.tts({"text": "hi"}))[0] == 200
    assert await ask_from("127.0.0.2", client, text=LONG) == 200
    for reader in readers:
        reader.leave()
    await emptied(client)


async def test_what_waits_never_exceeds_the_limit(start: Start) -> None:
    client = await start(max_unsent_bytes=4 * MEGABYTE, max_client_share=1.0)
    readers = [await SlowReader.connect(client.url) for _ in range(20)]
    statuses = await asyncio.gather(*(reader.ask(text=LONG) for reader in readers))
    assert statuses.count(200) == 4 * MEGABYTE // WAV_BYTES == 7
    assert statuses.count(429) == 13
    assert 0 < unsent(await client.prometheus()) <= 4 * MEGABYTE
    for reader in readers:
        reader.leave()
    assert (await emptied(client))["rejected_requests"] == 13


async def test_a_clip_from_the_cache_counts_for_each_of_its_readers(start: Start) -> None:
    client = await start(max_unsent_bytes=4 * MEGABYTE, max_client_share=1.0, cache_bytes=64 * MEGABYTE)
    assert (await client.tts({"text": LONG}))[0] == 200
    readers = [await SlowReader.connect(client.url) for _ in range(10)]
    statuses = [await reader.ask(text=LONG) for reader in readers]
    assert statuses == [200] * 7 + [429] * 3
    for reader in readers:
        reader.leave()
    await emptied(client)


async def test_a_stop_waits_for_an_answer_that_is_being_read(start: Start) -> None:
    client = await start(drain_seconds=60.0)
    reader = await admitted(client.url, buffer=BUFFER, text=LONG)
    stopping = asyncio.create_task(client.service.stop())
    await asyncio.sleep(0)
    assert (await client.refused({"text": "hi"}))[:2] == (503, "shutting_down")
    assert await reader.trickle(0.0) > WAV_BYTES
    await stopping
    reader.leave()


# Who is one client


@pytest.mark.parametrize(
    ("trusted", "forwarded", "key"),
    [
        ("", "192.0.2.1", "127.0.0.1"),  # whoever says so is not believed
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.0/8,192.0.2.0/24", "198.51.100.7, 192.0.2.1", "198.51.100.7"),
    ],
)
async def test_trusted_proxies_are_believed(start: Start, trusted: str, forwarded: str, key: str) -> None:
    provider = HummingProvider()
    client = await start(provider, trusted_proxies=trusted)
    assert (await client.tts({"text": "hi"}, headers={"X-Forwarded-For": forwarded}))[0] == 200
    assert [listener.client for listener in provider.listeners] == [key]


# What strangers learn, and what is not unpacked


@pytest.mark.parametrize(("shown", "values"), [(True, ["miss", "hit"]), (False, [None, None])])
async def test_the_header_of_the_cache_can_be_left_out(start: Start, shown: bool, values: list[str | None]) -> None:
    client = await start(cache_bytes=MEGABYTE, cache_header=shown)
    answers = [await client.tts({"text": "hi"}) for _ in range(2)]
    assert [headers.get("X-TTS-Cache") for _, headers, _ in answers] == values


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_refused(start: Start, encoding: str) -> None:
    client = await start()
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    refused = await client.refused(data=b"whatever it is", headers=headers)
    assert refused == (415, "unsupported_media_type", None)
