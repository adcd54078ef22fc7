"""Each reason for which a request is cancelled, over real sockets; and that what the server ends is an error."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from otel.contract.values import Cancellation
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples
from tests.slow_readers import admitted

LONG = ". ".join(["word " * 42] * 20)
"""273 s of audio: more than the kernel keeps for a connection."""
HEAD = b"POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
BODY = json.dumps({"text": "One. Two. Three."}).encode()


async def connected(client: Client, sent: bytes) -> asyncio.StreamWriter:
    """A connection over which ``sent`` was sent, once the server has a request of it."""
    host, port = client.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    await client.until(lambda s: s["requests_in_flight"] == 1)
    return writer


# Each returns the client of a server, and whatever must stay open until the request has ended.


async def leaves_in_mid_request(start: Start) -> tuple[Client, object]:
    client = await start()
    writer = await connected(client, HEAD + b"1000\r\n\r\n" + BODY)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: see the next test
    writer.transport.abort()
    return client, None


async def leaves_while_it_waits(start: Start) -> tuple[Client, object]:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    writer = await connected(client, HEAD + b"%d\r\n\r\n" % len(BODY) + BODY)
    async with asyncio.timeout(60):
        while not provider.listeners:
            await asyncio.sleep(0.01)
    writer.transport.abort()
    return client, None


async def leaves_in_mid_stream(start: Start) -> tuple[Client, object]:
    client = await start()
    reader = await admitted(client.url, text=LONG, stream=True)
    reader.leave()
    return client, None


async def leaves_in_mid_answer(start: Start) -> tuple[Client, object]:
    client = await start(max_text_characters=10_000)
    reader = await admitted(client.url, text=LONG)
    reader.leave()
    return client, None


async def reads_too_slowly(start: Start) -> tuple[Client, object]:
    client = await start(send_seconds=0.3)
    return client, await admitted(client.url, text=LONG, stream=True)


@pytest.mark.parametrize(
    ("abandon", "reason", "status"),
    [
        (leaves_in_mid_request, Cancellation.INCOMPLETE, 499),
        (leaves_while_it_waits, Cancellation.BEFORE_ANSWER, 499),
        (leaves_in_mid_stream, Cancellation.DURING_ANSWER, 200),
        (leaves_in_mid_answer, Cancellation.DURING_ANSWER, 200),
        (reads_too_slowly, Cancellation.SLOW_READER, 200),
    ],
)
async def test_a_cancelled_request_says_why_everywhere(
    start: Start,
    tmp_path: Path,
    abandon: Callable[[Start], Awaitable[tuple[Client, object]]],
    reason: Cancellation,
    status: int,
) -> None:
    client, _open = await abandon(start)
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert (summary["cancelled_requests"], summary["cancellations_by_reason"]) == (1, {str(reason): 1})
    text = await client.prometheus()
    counted = {other: samples(text, "tts_cancellations_total", reason=other) for other in Cancellation}
    assert counted == {other: [other is reason] for other in Cancellation}
    [kept] = (await client.json("/traces"))["last"]
    [root, *_] = (await client.json(f"/traces/{kept['trace_id']}"))["spans"]
    [event] = await events(client, tmp_path)
    for attributes in (root["attributes"], event):
        assert attributes["tts.cancellation"] == reason
        assert int(attributes["tts.status_code"]) == status


async def test_a_request_whose_sending_side_ends_too_early_is_rejected(start: Start) -> None:
    """It is not cancelled: its client may still be there, and gets 400."""
    client = await start()
    writer = await connected(client, HEAD + b"1000\r\n\r\n" + BODY)
    writer.close()
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert (summary["rejected_requests"], summary["errors_by_type"]) == (1, {"invalid_json": 1})


async def test_what_the_server_ends_is_an_error(start: Start, tmp_path: Path) -> None:
    provider = HummingProvider()
    client = await start(provider, drain_seconds=0.1)
    provider.gate.clear()
    writer = await connected(client, HEAD + b"%d\r\n\r\n" % len(BODY) + BODY)
    [event] = await events(client, tmp_path)
    assert (event["tts.outcome"], event["tts.error_type"]) == ("error", "shutting_down")
    assert "tts.cancellation" not in event
    writer.close()


async def test_a_deadline_is_an_error(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, deadline_seconds=0.2)
    provider.gate.clear()
    assert (await client.refused({"text": "hi"}))[:2] == (504, "deadline_exceeded")
    summary = await client.json("/metrics")
    assert (summary["failed_requests"], summary["cancellations_by_reason"]) == (1, {})
    assert sum(samples(await client.prometheus(), "tts_cancellations_total")) == 0


async def events(client: Client, folder: Path) -> list[dict[str, Any]]:
    """The attributes of the server's events, once it has stopped."""
    await client.service.stop()
    lines = [line for path in (folder / "events").glob("*.jsonl") for line in path.read_text().splitlines()]
    return [
        {entry["key"]: next(iter(entry["value"].values())) for entry in record["attributes"]}
        for line in lines
        for record in json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    ]
