"""Wyoming's own client against the server, as Home Assistant uses it; and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeVoice

from bench import rooms
from bench.results.machine import this_machine
from server.access import limiter
from server.access.exposure import ExposedError
from server.app import Service
from server.errors import EngineFailed
from server.settings import Settings
from server.streaming import wyoming_events
from server.streaming.wyoming_discovery import SERVICE
from tests.api_keys import create
from tests.client_features import shows
from tests.humming_provider import HummingProvider, failing
from tests.service_client import Client, Start, samples
from tests.socket_client import eventually
from tests.wyoming_client import ANSWER_SECONDS, heard, rest, room, say, say_in_pieces, wyoming_port

TEXT = "The rain had stopped by noon. We walked along the river bank, and nobody said a word. Then she laughed."
JOE_RATE, KAN_RATE = 22_050, 24_000


@pytest.fixture
async def client(start: Start) -> Client:
    return await start(wyoming_port=0)


async def whole(client: Client, text: str, **fields: Any) -> bytes:
    """Returns the samples of a whole call's audio, at the voice's own rate."""
    _, _, body = await client.tts({"text": text, "voice_name": "joe", **fields})
    return body[44:]


async def recorded(client: Client, **labels: str) -> float:
    """Returns the number of requests by this protocol with these labels, once none is in flight."""
    await client.until(lambda body: body["requests_in_flight"] == 0)
    return sum(samples(await client.prometheus(), "tts_requests_total", endpoint="wyoming", **labels))


async def test_the_server_describes_itself_and_its_voices(client: Client) -> None:
    async with room(client) as connection:
        await connection.write_event(Describe().event())
        event = await connection.read_event()
        assert event is not None
        [program] = Info.from_event(event).tts
        assert (program.name, program.installed, program.supports_synthesize_streaming) == ("ttscope", True, True)
        assert program.version
        assert program.attribution.name
        assert {voice.name: voice.languages for voice in program.voices} == {"joe": ["en", "en-US"], "kan": ["ja"]}
        assert all(voice.installed and voice.speakers is None and voice.version for voice in program.voices)
        await connection.write_event(Event("select-program", {"name": "ttscope"}))
        await connection.write_event(Event("an-event-of-tomorrow", {"what": 1}, b"payload"))
        await connection.write_event(Ping("are you there?").event())
        event = await connection.read_event()
        assert event is not None
        assert Pong.from_event(event).text == "are you there?"
    assert await recorded(client) == 0


@shows("Wyoming", "wyoming", "whole text")
async def test_a_text_is_spoken_whole_as_by_the_servers_own_call(client: Client) -> None:
    async with room(client) as connection:
        for text in (TEXT, "And a second one."):
            said = await say(connection, text)
            assert said.start is not None
            assert (said.start.rate, said.start.width, said.start.channels) == (JOE_RATE, 2, 1)
            assert said.audio == await whole(client, text)
            starts = [chunk.timestamp for chunk in said.chunks]
            assert starts == sorted(starts, key=lambda each: each or 0)
            assert starts[0] == 0
    assert await recorded(client, outcome="ok", status_code="200", method="other") == 2


@shows("Wyoming", "wyoming", "text in pieces")
@pytest.mark.parametrize("size", [1, 9, 1000])
async def test_a_text_in_pieces_is_spoken_while_it_arrives(client: Client, size: int) -> None:
    async with room(client) as connection:
        said = await say_in_pieces(connection, [TEXT[at : at + size] for at in range(0, len(TEXT), size)])
        assert said.stopped == 1
        expected = len(await whole(client, TEXT)) / 2 / JOE_RATE
        assert expected - 0.1 <= said.seconds <= expected + 0.5
        again = await say_in_pieces(connection, ["Once more."])
        assert again.audio == await whole(client, "Once more.")


async def test_audio_begins_before_the_text_has_ended(client: Client) -> None:
    async with room(client) as connection:
        await connection.write_event(SynthesizeStart().event())
        await connection.write_event(SynthesizeChunk("When the rain had stopped, we walked ").event())
        for kind in (AudioStart, AudioChunk):
            event = await connection.read_event()
            assert event is not None
            assert kind.is_type(event.type)


async def test_nothing_to_say_is_silence(client: Client) -> None:
    async with room(client) as connection:
        assert (await say(connection, "...")).audio == b""
        assert (await say_in_pieces(connection, [])).audio == b""
        assert (await say_in_pieces(connection, ["...", " "])).audio == b""
    assert await recorded(client) == 0


async def test_a_voice_is_chosen_by_its_name_or_its_language(client: Client) -> None:
    async with room(client) as connection:
        for voice, rate in (
            (SynthesizeVoice(name="kan"), KAN_RATE),
            (SynthesizeVoice(language="ja"), KAN_RATE),
            (SynthesizeVoice(language="ja_JP"), KAN_RATE),
            (SynthesizeVoice(language="en-GB"), JOE_RATE),
            (SynthesizeVoice(name="alloy"), JOE_RATE),
        ):
            said = await say(connection, "Hello world.", voice)
            assert said.start is not None
            assert said.start.rate == rate, voice


async def test_ssml_is_read_where_it_is_sent_whole(client: Client) -> None:
    async with room(client) as connection:
        await connection.write_event(Event("synthesize", {"text": "<speak>Hello.</speak>", "text_format": "ssml"}))
        with pytest.raises(AssertionError, match="unsupported_by_voice"):  # the humming voice has no SSML
            await heard(connection)
    async with room(client) as connection:
        await connection.write_event(Event("synthesize-start", {"text_format": "ssml"}))
        [event] = await rest(connection)
        assert "SSML must be sent whole" in Error.from_event(event).text


async def test_five_rooms_speak_at_once(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, wyoming_port=0)
    provider.gate.clear()

    async def speak(number: int) -> bytes:
        async with room(client) as connection:
            if number % 2:
                return (await say(connection, TEXT)).audio
            return (await say_in_pieces(connection, [TEXT])).audio

    rooms = [asyncio.create_task(speak(number)) for number in range(5)]
    await eventually(lambda: len(provider.listeners) == 5)  # none waits for another
    provider.gate.set()
    lengths = {len(audio) for audio in await asyncio.gather(*rooms)}
    assert len(lengths) <= 2  # in pieces there may be a pause
    assert await recorded(client, outcome="ok") >= 5
    assert len({listener.origin.trace_id for listener in provider.listeners}) == 5  # type: ignore[attr-defined]


async def test_rooms_are_measured(client: Client) -> None:
    servers = [rooms.Address(name, "127.0.0.1", wyoming_port(client)) for name in ("first", "second")]
    results = {}
    for in_pieces in (False, True):
        results[in_pieces] = await rooms.take_turns(servers, 2, 1, in_pieces=in_pieces)
        for [times] in results[in_pieces].values():
            assert 0 < times.first_audio <= times.last_first_audio <= times.total
            assert times.audio == pytest.approx(2 * rooms.WORDS * 0.065 * 5.5, rel=0.5)
    section = rooms.render(results, this_machine(), 2, load=0.5)
    assert section.count("| second ") == 2
    assert await recorded(client, outcome="ok") >= 2 * 2 * 2 * 2


async def test_a_connection_is_one_trace(start: Start) -> None:
    client = await start(wyoming_port=0)
    async with room(client) as connection:
        for text in ("First.", "Second."):
            await say(connection, text)
    await recorded(client)
    traces = (await client.json("/traces"))["last"]
    assert len(traces) == 2
    assert len({trace["trace_id"] for trace in traces}) == 1


REFUSED = [
    ({"type": "synthesize", "data": {"text": "Hi.", "voice": {"name": "nobody"}}}, "unknown_voice"),
    ({"type": "synthesize", "data": {"text": "Hi.", "voice": {"name": "joe", "speaker": "3"}}}, "invalid_request"),
    ({"type": "synthesize", "data": {"text": "Hi.", "voice": {"language": "fr"}}}, "unsupported_language"),
    ({"type": "synthesize", "data": {"text": "Hi.", "voice": "joe"}}, "invalid_request"),
    ({"type": "synthesize", "data": {"text": "Hi.", "text_format": "midi"}}, "invalid_request"),
    ({"type": "synthesize", "data": {"text": 1}}, "invalid_request"),
    ({"type": "synthesize", "data": {}}, "invalid_request"),
    ({"type": "synthesize"}, "invalid_request"),
    ({"type": "synthesize", "data": {"text": "a" * 5001}}, "text_too_long"),
    ({"type": "synthesize", "data": {"text": "a\0b"}}, "invalid_text"),
    ({"type": "synthesize-chunk", "data": {"text": "Hi."}}, "invalid_request"),
    ({"type": "synthesize-stop"}, "invalid_request"),
    ({"data": {}}, "invalid_request"),
    ({"type": 7}, "invalid_request"),
    ({"type": "t" * 65}, "invalid_request"),
    ({"type": "ping", "data": []}, "invalid_request"),
    ({"type": "ping", "data_length": -1}, "invalid_request"),
    ({"type": "ping", "data_length": "3"}, "invalid_request"),
    ({"type": "ping", "data_length": 10**18}, "body_too_large"),
    ({"type": "ping", "payload_length": 10**18}, "body_too_large"),
    ({"type": "ping", "payload_length": True}, "invalid_request"),
    ([], "invalid_json"),
    (None, "invalid_json"),
]


async def test_what_is_refused_is_named_counted_once_and_ends_the_connection(client: Client) -> None:
    for number, (event, code) in enumerate(REFUSED, 1):
        [error] = await raw(client, json.dumps(event).encode() + b"\n")
        assert Error.from_event(error).code == code, event
        assert "nobody" not in Error.from_event(error).text
        assert await recorded(client) == await recorded(client, outcome="rejected") == number
    await lives(client)


async def test_a_text_begins_only_when_the_last_one_has_ended(client: Client) -> None:
    async with room(client) as connection:
        await connection.write_event(SynthesizeStart().event())
        await connection.write_event(SynthesizeStart().event())
        [event] = await rest(connection)
        assert "synthesize-stop" in Error.from_event(event).text


async def test_an_engine_that_fails_is_told_and_ends_the_connection(start: Start) -> None:
    client = await start(failing(EngineFailed("broken")), wyoming_port=0)
    async with room(client) as connection:
        await connection.write_event(Synthesize("Hello.").event())
        [event] = await rest(connection)
        assert Error.from_event(event).code == "engine_failed"
    assert await recorded(client, outcome="error", status_code="500") == 1


async def test_a_client_that_leaves_frees_the_engine(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, wyoming_port=0)
    reader, writer = await asyncio.open_connection("127.0.0.1", wyoming_port(client))
    writer.write(b'{"type": "synthesize", "data": {"text": "' + b"A sentence. " * 100 + b'"}}\n')
    await reader.readline()
    provider.gate.clear()
    writer.transport.abort()
    await eventually(lambda: provider.closed_generators == 1)
    assert await recorded(client, outcome="cancelled") == 1


async def test_a_client_that_reads_nothing_is_cut_off(start: Start) -> None:
    client = await start(wyoming_port=0, send_seconds=0.3, max_text_characters=100_000, max_body_bytes=1 << 20)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", wyoming_port(client)))
        data = json.dumps({"text": "A sentence. " * 8000}).encode()
        await loop.sock_sendall(slow, b'{"type": "synthesize", "data_length": %d}\n' % len(data) + data)
        await client.until(lambda body: body["total_requests"] == 1)
    assert await recorded(client, outcome="cancelled") == 1


async def test_an_end_of_the_clients_side_is_no_end_of_the_speech(client: Client) -> None:
    events = await raw(client, b'{"type": "synthesize", "data": {"text": "Hello."}}\n')
    assert events[-1].type == "audio-stop"
    assert b"".join(event.payload or b"" for event in events) == await whole(client, "Hello.")


async def test_idle_connections_end(start: Start) -> None:
    client = await start(wyoming_port=0, socket_idle_seconds=0.1)
    for beginning in (b"", b'{"type"'):
        reader, writer = await asyncio.open_connection("127.0.0.1", wyoming_port(client))
        writer.write(beginning)
        async with asyncio.timeout(ANSWER_SECONDS):
            await reader.read()
        writer.close()


async def test_an_event_that_stops_amid_its_data_is_refused(start: Start) -> None:
    client = await start(wyoming_port=0, receive_seconds=0.1)
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", wyoming_port(client))
        writer.write(b'{"type": "ping", "data_length": 10}\nabc')
        answer = await reader.read()
        writer.close()
    assert b"request_timeout" in answer
    [error] = await raw(client, b'{"type": "ping", "data_length": 10}\nabc')
    assert Error.from_event(error).code == "invalid_json"


async def test_connections_are_limited_in_all_and_for_each_client(start: Start) -> None:
    client = await start(wyoming_port=0, max_sockets=4, max_client_share=0.5)
    async with room(client) as first, room(client) as second:
        for connection in (first, second):
            await connection.write_event(Ping().event())
            assert await connection.read_event() is not None
        async with room(client) as third:
            [event] = await rest(third)
            assert Error.from_event(event).code == "too_many_connections"
    assert await recorded(client, outcome="rejected") == 1
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:  # until the server knows that they have left
            with suppress(AssertionError):
                return await lives(client)


async def test_requests_count_for_the_limits_of_their_address(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "_is_loopback", lambda client: False)  # clients on this machine have no limits
    client = await start(wyoming_port=0, requests_per_minute=2)
    for _ in range(2):
        await lives(client)
    async with room(client) as connection:
        await connection.write_event(Synthesize("Hello.").event())
        [event] = await rest(connection)
        assert Error.from_event(event).code == "rate_limit_exceeded"


async def test_a_server_that_stops_ends_speech_first_and_idle_connections_at_once(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, wyoming_port=0, drain_seconds=60.0)
    provider.gate.clear()
    async with room(client) as speaking, room(client) as idle:
        await idle.write_event(Ping().event())
        await idle.read_event()
        await speaking.write_event(Synthesize(TEXT).event())
        await eventually(lambda: len(provider.listeners) == 1)
        stopping = asyncio.create_task(client.service.stop())
        assert await idle.read_event() is None
        assert not stopping.done()
        provider.gate.set()
        said = await heard(speaking)
        assert said.seconds == pytest.approx(0.065 * len(TEXT), abs=0.5)
        await stopping
        assert await speaking.read_event() is None


async def test_a_server_with_keys_listens_for_wyoming_on_the_loopback_alone(start: Start, tmp_path: Path) -> None:
    exposed = Settings(data_dir=tmp_path, wyoming_port=0, wyoming_host="0.0.0.0")
    with pytest.raises(ExposedError, match=r"TTSCOPE_WYOMING_HOST=0.*TTSCOPE_ALLOW_ANONYMOUS=true"):
        Service(exposed, [HummingProvider()])
    client = await start(wyoming_port=0, wyoming_host="0.0.0.0", allow_anonymous=True)
    await lives(client)
    create(tmp_path, "first")
    await asyncio.to_thread(client.service.keyring.load)
    async with room(client) as connection:  # keys that are made later close it
        [event] = await rest(connection)
        assert Error.from_event(event).code == "missing_api_key"
    with pytest.raises(ExposedError, match=r"TTSCOPE_WYOMING_HOST=0.*can't send one"):
        Service(exposed.model_copy(update={"allow_anonymous": True}), [HummingProvider()])
    await lives(await start(wyoming_port=0, data_dir=tmp_path / "other"))


async def test_the_port_is_announced_in_the_network(start: Start) -> None:
    zeroconf = pytest.importorskip("zeroconf.asyncio", reason="the extra wyoming is not installed")
    client = await start(wyoming_port=0, wyoming_discovery=True)
    port = wyoming_port(client)
    service = zeroconf.AsyncServiceInfo(SERVICE, f"ttscope {port}.{SERVICE}")
    browser = zeroconf.AsyncZeroconf()
    try:
        assert await service.async_request(browser.zeroconf, 1000 * ANSWER_SECONDS)
    finally:
        await browser.async_close()
    assert (service.port, service.parsed_addresses()) == (port, ["127.0.0.1"])


async def test_nothing_listens_unless_it_is_asked_for(start: Start) -> None:
    assert (await start()).service.applications.wyoming.port is None


@pytest.mark.parametrize("kind", ["bytes", "lines", "long line", "http"])
async def test_no_input_harms_the_server(client: Client, kind: str) -> None:
    source = random.Random(kind)
    for _ in range(1 if kind == "long line" else 20):
        match kind:
            case "bytes":
                data = source.randbytes(source.randrange(1, 5000))
            case "lines":
                lines = (json.dumps(source.choice(REFUSED)[0]).encode()[: source.randrange(1, 60)] for _ in range(5))
                data = b"\n".join(lines)
            case "http":
                data = b'POST / HTTP/1.1\r\nHost: x\r\n\r\n{"type": "synthesize", "data": {"text": "Hello."}}\n'
            case _:
                data = b"a" * 10_000_000
        events = await raw(client, data)
        assert [event.type for event in events] in ([], ["error"])
        assert all("internal" not in (Error.from_event(event).code or "") for event in events)
    assert await recorded(client, outcome="error") == 0
    assert await recorded(client, outcome="ok") == 0
    await lives(client)


async def test_a_long_event_takes_no_more_memory_than_its_limit(client: Client) -> None:
    line = b'{"type": "ping", "payload_length": %d}\n' % wyoming_events.PAYLOAD_BYTES
    events = await raw(client, (line + b"\0" * wyoming_events.PAYLOAD_BYTES) * 20)
    assert [event.type for event in events] == ["pong"] * 20


async def raw(client: Client, data: bytes) -> list[Event]:
    """Sends bytes and the end of the client's side; returns the events of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wyoming_port(client))
    async with asyncio.timeout(ANSWER_SECONDS):
        reading = asyncio.create_task(reader.read())
        try:
            writer.write(data)
            await writer.drain()
            writer.write_eof()
        except ConnectionError:
            pass
        answer = await reading
    writer.close()
    return list(events_of(answer))


def events_of(answer: bytes) -> list[Event]:
    """Returns the events in bytes that the server has sent."""
    events = []
    while answer:
        line, _, answer = answer.partition(b"\n")
        head = json.loads(line)
        data, answer = answer[: head.get("data_length", 0)], answer[head.get("data_length", 0) :]
        payload, answer = answer[: head.get("payload_length", 0)], answer[head.get("payload_length", 0) :]
        events.append(Event(head["type"], json.loads(data or b"{}"), payload))
    return events


async def lives(client: Client) -> None:
    """Checks that another client is spoken for."""
    async with room(client) as connection:
        assert (await say(connection, "Hello.")).audio
