"""One trace from an agent's turn to its user's ear over every socket, and the point of an interruption."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from wyoming.event import Event

from server.utterance import Chunk, Listener, Utterance
from tests.humming_provider import PACE, HummingProvider
from tests.service_client import Client, Start, samples
from tests.socket_client import Received, connected
from tests.socket_doors import DOORS, RATE
from tests.wyoming_client import heard, rest, room

PARENT = "00f067aa0ba902b7"
FIRST, SECOND, THIRD = "The first sentence of all. ", "And here is the second one. ", "The end of it is here."
HUMMED = PACE["joe"] * (len(FIRST) - 2)
"""Seconds of the first sentence: without its mark and its space."""
MOST_PAUSE = 0.2
ALL = {"traces_per_second": 1000}
"""The setting that keeps the trace of every request."""
PLAYED = 0.3


def traceparent(flags: str = "01") -> tuple[str, str]:
    """Returns a new caller's trace, and the field that names its span."""
    trace = uuid4().hex
    return trace, f"00-{trace}-{PARENT}-{flags}"


INTERRUPTED = [name for name, door in DOORS.items() if door.stop is not None]


async def server_span(client: Client, identifier: str) -> dict[str, Any]:
    """Returns the span of the newest utterance of a trace."""
    await client.until(lambda body: body["requests_in_flight"] == 0)
    spans = (await client.json(f"/traces/{identifier}"))["spans"]
    found: dict[str, Any] = [span for span in spans if span["kind"] == "SERVER"][-1]
    return found


@pytest.mark.parametrize("name", DOORS)
async def test_an_utterance_belongs_to_the_trace_of_its_message(start: Start, name: str) -> None:
    door, client = DOORS[name], await start(**ALL)
    (mine, field), (unsampled, unsampled_field) = traceparent(), traceparent("00")
    async with connected(client, door.path) as socket:
        own = socket.socket._response.headers["X-Trace-ID"]
        await door.spoken(socket, FIRST, traceparent=field)
        span = await server_span(client, mine)
        assert span["parent_span_id"] == PARENT
        assert [link["trace_id"] for link in span["links"]] == [own]
        await door.spoken(socket, SECOND, traceparent=unsampled_field)
        await client.until(lambda body: body["requests_in_flight"] == 0)
        newest = (await client.json("/traces"))["last"][0]
        span = await server_span(client, newest["trace_id"])
        assert newest["trace_id"] not in (own, mine, unsampled)
        assert span["parent_span_id"] is None
        assert unsampled in [link["trace_id"] for link in span["links"]]


@pytest.mark.parametrize("name", DOORS)
async def test_a_socket_belongs_to_the_trace_of_its_query(start: Start, name: str) -> None:
    door, client = DOORS[name], await start(**ALL)
    joint = "&" if "?" in door.path else "?"
    trace, field = traceparent()
    async with connected(client, f"{door.path}{joint}traceparent={field}") as socket:
        assert socket.socket._response.headers["X-Trace-ID"] == trace
        await door.spoken(socket, FIRST)
    assert (await server_span(client, trace))["attributes"]["tts.outcome"] == "ok"
    another, header = traceparent()
    async with connected(client, f"{door.path}{joint}traceparent={field}", headers={"traceparent": header}) as socket:
        assert socket.socket._response.headers["X-Trace-ID"] == another


@pytest.mark.parametrize("name", DOORS)
async def test_a_malformed_trace_is_refused_by_name(start: Start, name: str) -> None:
    door, client = DOORS[name], await start(**ALL)
    joint = "&" if "?" in door.path else "?"
    for wrong in ("xylocanary", f"00-{'0' * 32}-{PARENT}-01", traceparent()[1] + "-more"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(client, f"{door.path}{joint}traceparent={wrong}"):
                pass
        assert refused.value.status == 422
        async with connected(client, door.path) as socket:
            if name == "deepgram":
                await socket.receive()
            await door.say(socket, FIRST, traceparent=wrong)
            error = json.dumps(await socket.receive())
            assert "traceparent: must be" in error
            assert wrong not in error


async def test_wyomings_events_have_their_trace_in_the_context(start: Start) -> None:
    client = await start(wyoming_port=0, **ALL)
    for in_pieces in (False, True):
        trace, field = traceparent()
        async with room(client) as connection:
            fields = {"context": {"traceparent": field, "conversation_id": "one"}}
            if in_pieces:
                await connection.write_event(Event("synthesize-start", fields))
                await connection.write_event(Event("synthesize-chunk", {"text": FIRST}))
                await connection.write_event(Event("synthesize-stop"))
            else:
                await connection.write_event(Event("synthesize", {"text": FIRST, **fields}))
            assert (await heard(connection, in_pieces=in_pieces)).audio
        assert (await server_span(client, trace))["parent_span_id"] == PARENT
    async with room(client) as connection:
        await connection.write_event(Event("synthesize", {"text": FIRST, "context": {"traceparent": "xylocanary"}}))
        [error] = await rest(connection)
        assert error.type == "error"
        assert "traceparent" in error.data["text"]


async def test_a_text_of_another_trace_is_an_utterance_of_its_own(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, **ALL)
    (one, first), (two, second) = traceparent(), traceparent()
    provider.gate.clear()
    async with connected(client, DOORS["deepgram"].path) as socket:
        for text, field in ((FIRST, first), (SECOND, first), ("A second turn. ", second)):
            await socket.send(type="Speak", text=text, traceparent=field)
        await socket.send(type="Speak", text="It goes on.")
        await socket.send(type="Flush")
        provider.gate.set()
        await socket.until(type="Flushed")
    texts = [len(FIRST) + len(SECOND), len("A second turn. It goes on.")]
    found = []
    for trace in (one, two):
        await client.until(lambda body: body["requests_in_flight"] == 0)
        spans = (await client.json(f"/traces/{trace}"))["spans"]
        found.append(sum(span["attributes"].get("tts.char_count", 0) for span in spans if span["kind"] == "SERVER"))
    assert found == pytest.approx(texts, abs=3)  # spaces at the ends


class PausingProvider(HummingProvider):
    """Hums one sentence, and then waits for its gate."""

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().speak(utterance, listener)) as chunks:
            async for chunk in chunks:
                yield chunk
                if "first" in utterance.text:
                    self.gate.clear()


def seconds(message: Received | None) -> float:
    """Returns the seconds of 16-bit samples in a message."""
    if isinstance(message, dict):
        message = base64.b64decode(message.get("data") or message.get("audio") or "")
    return len(message or b"") / 2 / RATE


async def events(client: Client, folder: Path) -> list[dict[str, Any]]:
    """Returns the fields of the requests' events; the server stops for that."""
    await client.service.stop()
    lines = (folder / "events" / "requests.jsonl").read_text().splitlines()
    scopes = [scope for line in lines for logs in json.loads(line)["resourceLogs"] for scope in logs["scopeLogs"]]
    records = [record for scope in scopes for record in scope["logRecords"]]
    return [{each["key"]: next(iter(each["value"].values())) for each in record["attributes"]} for record in records]


@pytest.mark.parametrize("name", INTERRUPTED)
async def test_an_interrupted_utterance_says_how_much_was_sent_and_played(
    start: Start, tmp_path: Path, name: str
) -> None:
    door, provider = DOORS[name], PausingProvider()
    assert door.stop is not None
    client = await start(provider, **ALL)
    trace, field = traceparent()
    async with connected(client, door.path) as socket:
        if name == "deepgram":
            await socket.receive()
        for reported, expected in ((round(1000 * PLAYED), PLAYED), (None, None), (10_000_000, HUMMED)):
            await door.say(socket, FIRST + SECOND + THIRD, traceparent=field)
            sent = 0.0
            while sent < HUMMED - 0.1:  # the resampler holds a little of it back
                sent += seconds(await socket.receive())
            report = {} if reported is None else {"played_ms": reported}
            await socket.send(**door.stop, **report)
            await client.until(lambda body: body["requests_in_flight"] == 0)
            provider.gate.set()
            attributes = (await server_span(client, trace))["attributes"]
            assert attributes["tts.cancellation"] == "interrupted"
            assert attributes["tts.audio_sent"] == pytest.approx(HUMMED, abs=0.05)
            assert attributes["tts.audio_sent"] <= attributes["tts.audio_duration"] + 1e-6
            played = attributes.get("tts.audio_played")
            assert played == (None if expected is None else pytest.approx(expected, abs=0.05))
            if name == "deepgram":
                await socket.until(type="Cleared")
            if name == "elevenlabs":
                await socket.until(isFinal=True)
    text = await client.prometheus()
    for point, count in (("sent", 3), ("played", 2)):
        assert samples(text, "tts_utterance_interruption_seconds_count", point=point) == [count]
    rows = [row for row in await events(client, tmp_path) if row["tts.outcome"] == "cancelled"]
    assert [float(row["tts.audio_sent"]) for row in rows] == pytest.approx([HUMMED] * 3, abs=0.05)
    assert ["tts.audio_played" in row for row in rows] == [True, False, True]


async def test_what_is_played_counts_from_the_beginning_of_the_context(start: Start) -> None:
    provider = PausingProvider()
    client = await start(provider, **ALL)
    door, (trace, field) = DOORS["cartesia"], traceparent()
    async with connected(client, door.path) as socket:
        received = await door.spoken(socket, "One, to begin with.", traceparent=field)
        before = sum(seconds(each) for each in received)
        await door.say(socket, FIRST + SECOND + THIRD)
        sent = 0.0
        while sent < HUMMED + MOST_PAUSE - 0.1:
            sent += seconds(await socket.receive())
        await socket.send(context_id="one", cancel=True, played_ms=round(1000 * (before + MOST_PAUSE + PLAYED)))
        await client.until(lambda body: body["requests_in_flight"] == 0)
    attributes = (await server_span(client, trace))["attributes"]
    assert attributes["tts.audio_sent"] == pytest.approx(HUMMED, abs=0.05)
    assert attributes["tts.audio_played"] == pytest.approx(PLAYED, abs=0.05)


@pytest.mark.parametrize("wrong", [-1, 86_400_001, 1.5, "1", True])
async def test_reports_of_playback_are_bounded(start: Start, wrong: Any) -> None:
    client = await start(**ALL)
    for name in INTERRUPTED:
        door = DOORS[name]
        assert door.stop is not None
        async with connected(client, door.path) as socket:
            if name == "deepgram":
                await socket.receive()
            await socket.send(**door.stop, played_ms=wrong)
            assert "played_ms: " in json.dumps(await socket.receive())


async def test_a_text_of_tags_alone_is_silence_and_no_request(start: Start) -> None:
    client = await start(emotion_tags=("happy",), **ALL)
    door = DOORS["cartesia"]
    async with connected(client, door.path) as socket:
        assert not sum(seconds(each) for each in await door.spoken(socket, "(happy)"))
        assert sum(seconds(each) for each in await door.spoken(socket, "(happy) Hello."))
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    assert summary["total_requests"] == 1
    assert not any(samples(await client.prometheus(), "tts_requests_total", outcome="rejected"))
