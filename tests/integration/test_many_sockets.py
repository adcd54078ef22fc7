"""Sockets that are open and silent take nothing from those that speak: the short version of tests/long."""

from __future__ import annotations

from tests.service_client import Start, samples
from tests.socket_crowd import TEXT, idle_sockets, said_at_once

IDLE, SPEAKING = 40, 8


async def test_idle_sockets_and_those_that_speak_lose_nothing(start: Start) -> None:
    client = await start(max_sockets=IDLE + SPEAKING, max_client_share=1.0, requests_per_minute=0)
    async with idle_sockets(client.session, client.url, IDLE) as idle:
        said = await said_at_once(client.session, client.url, SPEAKING)
        _, _, whole = await client.tts({"text": TEXT, "response_format": "pcm", "sample_rate": 16_000})
        assert all(
            abs(each.size - len(whole)) < 0.6 * 2 * 16_000 for each in said
        )  # two pauses, and the edges of parts
        assert not any(each.closed for each in idle)
        assert all([await each.wake() for each in idle])
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert sum(samples(text, "tts_requests_total", outcome="ok")) == summary["total_requests"] >= IDLE + SPEAKING + 1
    assert not any(samples(text, "tts_sockets_closed_total", reason="failed"))
