"""No text, key or address of a user leaves in any signal: a canary is sent down every path, and then looked for."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import struct
import uuid
from collections import Counter
from pathlib import Path

import pytest

from drift.accounting import report_costs, report_usage
from drift.settings import Settings
from otel.sdk.exposition import PROTOBUF
from server.access.audit_chain import Chain
from server.access.audit_check import verify
from server.access.audit_file import AUDIT_FOLDER, CURRENT
from server.access.caller import Scope
from server.audio.formats import FORMATS
from server.middleware.orca import FORMAT_HEADER, HEADER, ORCA_FORMATS
from tests.api_keys import create, expired, mistyped, revoked, unknown
from tests.canary_elevenlabs import over_elevenlabs_calls, over_elevenlabs_sockets
from tests.canary_sockets import over_cartesias_socket
from tests.collector import Collector, HTTPCollector
from tests.http_calls import fetch
from tests.server_process import ROOT, LiveServer
from tests.stack import eventually, free_ports

CANARY = "Xylocanary"
"""Looked for in any case, in UTF-8 and UTF-16, whole: no code of ours has it."""
JSON = {"Content-Type": "application/json"}
MARKUP = (
    f"<speak>Hello {CANARY}.<break time='1ms'/><sub alias='{CANARY}'>one</sub></speak>",
    f"<speak><say-as interpret-as='characters'>{CANARY}</say-as></speak>",
    f"<speak><{CANARY}/></speak>",
    f"<speak {CANARY}='{CANARY}'/>",
    f"<speak><say-as interpret-as='{CANARY}'>one</say-as></speak>",
    f"<!DOCTYPE speak SYSTEM '{CANARY}'><speak/>",
    f"<speak>{CANARY}",
)
MARKDOWN = (
    f"# {CANARY}\n\n- [{CANARY}](https://example.com/{CANARY}) (happy)\n\n```{CANARY}\none\n```\n<{CANARY}>",
    f"{'> ' * 50}{CANARY}",
    f"[{CANARY}]: {CANARY}",
)
READ, PLAYBACK = "/v1/text/read", "/v1/telemetry/playback"
KEYS: list[str] = []
"""Keys that count and keys that don't; none of their secrets may be anywhere."""
ANSWERS: list[bytes] = []
"""Headers and body of what was not refused, except what gives the words back on request."""


def send(url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
    """The status of a raw request: nothing is checked or quoted on the way."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": "localhost", **(headers or {}), "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        body = response.read()
        if response.status == 200 and b'"timestamps"' not in body and b'"stretches"' not in body:
            ANSWERS.append(str(response.headers).encode() + body)
        return response.status
    finally:
        connection.close()


def with_keys(url: str, management_url: str) -> set[int]:
    """Sends every key wherever a client can write one, to calls of each scope on both ports; it may be anywhere else
    in a request by mistake."""
    statuses = set()
    body = json.dumps({"text": "One."}).encode()
    calls = [("POST", "/tts", body), ("GET", "/metrics", b""), ("GET", "/traces", b""), ("GET", "/v1/models", b"")]
    calls += [("PUT", "/v1/audio/voices/mine", b"RIFF"), ("POST", "/v1/text/read", body), ("GET", "/absent", b"")]
    managed = [("GET", "/admin/keys", b""), ("POST", "/admin/keys", b"{}"), ("GET", "/metrics", b"")]
    socket = {"Connection": "Upgrade", "Upgrade": "websocket"}
    for key in KEYS:
        for sent in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"xi-api-key": key}):
            for place, some in ((url, calls), (management_url, managed)):
                for number, (method, path, content) in enumerate(some):
                    address = {"X-Forwarded-For": f"10.1.{number}.{len(statuses)}"}
                    statuses.add(send(place, method, path, content, {**JSON, **sent, **address}))
                    statuses.add(send(place, method, f"{path}?api_key={key}", content, {**JSON, **socket, **address}))
        both = {"X-API-Key": key, "xi-api-key": KEYS[0][::-1]}
        statuses.add(send(url, "POST", "/tts", body, {**JSON, **both}))
        statuses.add(send(url, "GET", f"/{key}", b"", {"Authorization": key}))
        statuses.add(send(url, "POST", "/tts", body, {**JSON, "Cookie": key, "Referer": f"http://{key}/"}))
    return statuses


def everywhere(url: str) -> set[int]:
    """Sends the canary wherever a client can write something."""
    body = {"text": f"Hello {CANARY}. ({CANARY}) Good bye."}
    words = json.dumps(body).encode()
    hostile_headers = {
        **JSON,
        "User-Agent": CANARY,
        "X-Request-ID": CANARY,
        "X-Forwarded-For": CANARY,
        "Forwarded": f"for={CANARY}",
        "Referer": f"http://{CANARY}/",
        "Cookie": f"session={CANARY}",
        "Authorization": f"Bearer {CANARY}",
        "Accept-Language": CANARY,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": f"vendor={CANARY}",
        "baggage": f"user={CANARY}",
        "b3": CANARY,
        "X-B3-TraceId": CANARY,
        "X-B3-SpanId": CANARY,
    }

    speech = {"model": CANARY, "input": f"Hello {CANARY}.", "voice": "joe", "response_format": "wav"}
    openai = json.dumps(speech).encode()

    speak = "/v1/audio/speech"
    query = f"text={CANARY}&speaker_id={CANARY}&language_id={CANARY}&style_wav={CANARY}&speaker_wav={CANARY}&{CANARY}=1"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    parts = {"Content-Type": "multipart/form-data; boundary=xx"}
    part = f'--xx\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n\r\nHello {CANARY}.\r\n'

    def field(**fields: object) -> bytes:
        return json.dumps({**body, **fields}).encode()

    return {
        send(url, "POST", "/tts", words, JSON),
        send(url, "POST", "/tts", field(stream=True), JSON),
        send(url, "POST", "/tts", words, hostile_headers),
        send(url, "POST", "/tts", words, {**JSON, "Host": f"{CANARY}.example"}),
        send(url, "POST", "/tts", words, {**JSON, "Origin": f"https://{CANARY}.example"}),
        send(url, "OPTIONS", "/tts", b"", {"Origin": CANARY, "Access-Control-Request-Method": CANARY}),
        send(url, "POST", f"/tts?text={CANARY}", words, JSON),
        send(url, "POST", "/tts", field(voice_name=CANARY), JSON),
        send(url, "POST", "/tts", field(language=CANARY), JSON),
        send(url, "POST", "/tts", field(response_format=CANARY), JSON),
        send(url, "POST", "/tts", field(speed=CANARY), JSON),
        send(url, "POST", "/tts", field(sample_rate=CANARY), JSON),
        send(url, "POST", "/tts", field(encoding=CANARY), JSON),
        send(url, "POST", "/tts", field(**{CANARY: 1}), JSON),
        send(url, "POST", "/tts", field(text=[CANARY]), JSON),
        send(url, "POST", "/tts", field(cache=CANARY), JSON),
        send(url, "POST", "/tts", field(input_type=CANARY), JSON),
        send(url, "POST", "/tts", field(timestamps=True), JSON),
        send(url, "POST", "/tts", field(timestamps=True, stream=True), JSON),
        send(url, "POST", "/tts", field(timestamps=CANARY), JSON),
        send(url, "POST", "/tts", field(dry_run=True), JSON),
        send(url, "POST", "/tts", field(dry_run=CANARY), JSON),
        send(url, "POST", "/tts", field(text=f"Das ist der {CANARY}. This is it.", language="auto"), JSON),
        send(url, "POST", "/tts", field(pronunciations=[{"text": CANARY, "say": f"{CANARY} {CANARY}"}]), JSON),
        send(url, "POST", "/tts", field(pronunciations=[{"text": CANARY, "ipa": CANARY}]), JSON),
        send(url, "POST", "/tts", field(pronunciations=[{CANARY: CANARY}]), JSON),
        *(send(url, "POST", "/tts", field(input_type="ssml", text=markup), JSON) for markup in MARKUP),
        *(send(url, "POST", "/tts", field(input_type="markdown", text=text), JSON) for text in MARKDOWN),
        *(send(url, "POST", READ, words, headers) for headers in (JSON, hostile_headers)),
        send(url, "POST", f"{READ}?text={CANARY}", words, {**JSON, "Host": f"{CANARY}.example"}),
        send(url, "POST", READ, field(text=f"Das ist der {CANARY}. This is it.", language="auto"), JSON),
        *(send(url, "POST", READ, field(input_type="ssml", text=markup), JSON) for markup in MARKUP),
        *(send(url, "POST", READ, field(input_type="markdown", text=text), JSON) for text in MARKDOWN),
        *(
            send(url, "POST", READ, field(**{name: CANARY}), JSON)
            for name in ("voice_name", "language", "speed", CANARY)
        ),
        send(url, "POST", READ, field(text=CANARY + "\x00"), JSON),
        send(url, "POST", READ, field(text=CANARY * 1000), JSON),
        send(url, "POST", READ, f'{{"text": "{CANARY}'.encode(), JSON),
        send(url, "POST", "/tts", words, {**JSON, "Cache-Control": f"no-store, {CANARY}"}),
        *(send(url, "POST", "/tts", field(response_format=name), JSON) for name in FORMATS),
        *(send(url, "POST", "/tts", field(response_format=name, stream=True), JSON) for name in FORMATS),
        send(url, "POST", "/tts", field(loudness=CANARY), JSON),
        send(url, "POST", "/tts", field(loudness=-20), JSON),
        send(url, "POST", "/tts", field(verify=True), JSON),
        send(url, "POST", "/tts", field(verify=CANARY), JSON),
        send(url, "POST", speak, openai, JSON),
        send(url, "POST", speak, openai.replace(b"joe", CANARY.encode()), JSON),
        *(
            send(url, "POST", speak, json.dumps({**speech, **more}).encode(), JSON)
            for more in (
                {"stream_format": "sse", "instructions": CANARY},
                {"user": CANARY},
                {"user": {CANARY: CANARY}},
                {"stream": CANARY},
                {"voice": {"id": CANARY}},
                {"voice": {CANARY: 1}},
                {"voice": "alloy", "response_format": "mp3"},
                {"stream_format": CANARY},
                {CANARY: CANARY},
            )
        ),
        send(url, "GET", f"/v1/models/{CANARY}"),
        send(url, "GET", f"/api/tts?text=Hello%20{CANARY}."),
        send(url, "GET", f"/api/tts?text={CANARY}&style_wav={CANARY}"),
        send(url, "GET", f"/api/tts?{query}"),
        send(url, "GET", f"/api/tts?text=Hello%20{CANARY}.", b"", {"Range": "bytes=0-1", "If-Range": CANARY}),
        send(url, "GET", f"/api/tts?text=Hello%20{CANARY}.", b"", {"Range": f"bytes={CANARY}"}),
        send(url, "GET", f"/api/tts?text=Hello%20{CANARY}.", b"", {"Range": "bytes=99999999-"}),
        send(url, "HEAD", f"/api/tts?text=Hello%20{CANARY}."),
        send(url, "HEAD", f"/api/tts?text={CANARY}&speaker_id={CANARY}"),
        send(url, "GET", f"/process?INPUT_TEXT={CANARY}&AUDIO={CANARY}"),
        send(url, "GET", f"/process?INPUT_TEXT={CANARY}&AUDIO=MP3_FILE"),
        send(url, "GET", "/api/tts", b"", {"text": f"Hello {CANARY}.", "speaker-wav": CANARY}),
        send(url, "GET", "/api/tts", b"", {"text": CANARY, "speaker-id": CANARY}),
        send(url, "POST", "/api/tts", f"text=Hello%20{CANARY}.".encode(), form),
        send(url, "POST", "/api/tts", query.encode(), form),
        send(url, "POST", "/api/tts", part.format("text", "").encode() + b"--xx--\r\n", parts),
        send(url, "POST", "/api/tts", part.format("text", f'; filename="{CANARY}"').encode() + b"--xx--\r\n", parts),
        send(url, "POST", "/api/tts", part.format(CANARY, "").encode(), parts),
        send(url, "POST", "/api/tts", f"--xx\r\n{CANARY} {CANARY}: 1\r\n\r\n".encode(), parts),
        send(url, "POST", "/api/tts", f"--xx{CANARY}".encode(), parts),
        send(url, "GET", f"/process?INPUT_TEXT={CANARY}&LOCALE={CANARY}"),
        send(url, "GET", f"/process?INPUT_TEXT={CANARY}&VOICE={CANARY}"),
        send(url, "POST", "/process", f"INPUT_TEXT={CANARY}".encode(), form),
        *(send(url, "GET", f"{path}?{query}") for path in ("/voices", "/locales", "/details", "/docs", "/v1/models")),
        send(url, "POST", "/tts", field(text=CANARY + "\x00"), JSON),
        send(url, "POST", "/tts", field(text=CANARY * 1000), JSON),
        send(url, "POST", "/tts", f'{{"text": "{CANARY}'.encode(), JSON),
        send(url, "POST", "/tts", CANARY.encode(), {"Content-Type": f"text/{CANARY}"}),
        send(url, "POST", "/tts", words, {**JSON, "Content-Encoding": CANARY}),
        send(url, "POST", "/tts", words, {**JSON, "Content-Encoding": "gzip"}),
        send(url, CANARY.upper(), "/tts", words, JSON),
        send(url, "GET", f"/tts?text={CANARY}", b"", hostile_headers),
        send(url, "GET", f"/{CANARY}?text={CANARY}", b"", hostile_headers),
        send(url, "GET", f"/traces/{CANARY}"),
        send(url, "GET", "/health", b"", {"X-Long": CANARY * 2000}),
        send(url, f"{CANARY}{{}}", "/tts"),
        *cartesia(url),
        *playback(url, hostile_headers),
    }


def playback(url: str, hostile_headers: dict[str, str]) -> set[int]:
    """Reports playbacks, one of them of a request, and sends the canary with them."""
    identifier = str(uuid.uuid4())
    words = json.dumps({"text": f"Hello {CANARY}.", "stream": True}).encode()
    times = {"first_byte_seconds": 0.1, "first_sound_seconds": 0.2, "end_seconds": 0.3}
    report = {"request_id": identifier, "end": "finished", "click_span": True, **times}
    caller = {**hostile_headers, "X-Request-ID": identifier}
    return {
        send(url, "POST", "/tts", words, caller),
        *(
            send(url, "POST", PLAYBACK, json.dumps({**report, name: CANARY}).encode(), JSON)
            for name in (*report, CANARY)
        ),
        send(url, "POST", f"{PLAYBACK}?{CANARY}={CANARY}", json.dumps(report).encode(), caller),
    }


def cartesia(url: str) -> set[int]:
    """Sends the canary to Cartesia's calls."""
    form = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000}
    speech = {"transcript": f"Hello {CANARY}.", "model_id": CANARY, "voice": "joe", "output_format": form}
    changed = [{}, {"voice": CANARY}, {"language": CANARY}, {CANARY: 1}]
    bodies = [json.dumps({**speech, **fields}).encode() for fields in changed]
    voices = (f"/cartesia/voices?q={CANARY}", f"/cartesia/voices?{CANARY}=1", f"/voices/{CANARY}")
    return {
        *(send(url, "POST", path, body, JSON) for path in ("/tts/bytes", "/cartesia/tts/sse") for body in bodies),
        *(send(url, "GET", path) for path in voices),
    }


def over_wyoming(port: int) -> bytes:
    """Sends the canary by Wyoming's protocol; returns the answers, which end with an error or without one."""
    voice = {"name": CANARY, "language": CANARY, "speaker": CANARY}
    text = {"text": f"Hello {CANARY}.", "context": {"user": CANARY}}
    events: list[list[object]] = [
        [{"type": "synthesize", "data": text}],
        [{"type": "synthesize-start"}, {"type": "synthesize-chunk", "data": text}, {"type": "synthesize-stop"}],
        [{"type": "synthesize", "data": {**text, "voice": voice}}],
        [{"type": "synthesize", "data": {**text, "voice": {"language": CANARY}}}],
        [{"type": "synthesize", "data": {"text": CANARY, "text_format": CANARY}}],
        [{"type": "synthesize", "data": {**text, "context": {"traceparent": CANARY}}}],
        [{"type": "synthesize", "data": {"text": CANARY + "\0"}}],
        [{"type": "synthesize", "data": {"text": CANARY * 1000}}],
        [{"type": CANARY, "data": {CANARY: CANARY}}, CANARY],
    ]
    answers = []
    for each in events:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as file:
            connection.sendall(b"".join(json.dumps(event).encode() + b"\n" for event in each))
            connection.shutdown(socket.SHUT_WR)
            answers.append(file.read())
    return b"".join(answers)


def leave(url: str) -> None:
    """Sends the canary in requests that are given up: in mid-request, and in mid-stream."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"text": f"Hello {CANARY}. " * 150, "stream": True}).encode()
    head = f"POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    for sent, answer in ((body[:-1], 0), (body, 1)):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(f"{head}\r\n\r\n".encode() + sent)
            assert len(connection.recv(answer)) == answer
            assert eventually(lambda: json.loads(fetch(f"{url}/metrics"))["requests_in_flight"] == 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
        assert eventually(lambda: json.loads(fetch(f"{url}/metrics"))["requests_in_flight"] == 0)


def load_reports(url: str, agent_port: int, key: str) -> bytes:
    """What routers read: the reports of answers, of refusals and of streams, and the line of the agent check."""
    reports = []
    for text in (f"Hello {CANARY}.", CANARY * 1000):
        for form in ORCA_FORMATS:
            body = json.dumps({"text": text, "stream": True}).encode()
            headers = {**JSON, "TE": "trailers", FORMAT_HEADER: form, "Authorization": f"Bearer {key}"}
            host, port = url.removeprefix("http://").split(":")
            connection = socket.create_connection((host, int(port)), timeout=60)
            lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
            with connection, connection.makefile("rb") as answer:
                head = f"POST /tts HTTP/1.1\r\n{lines}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                whole = answer.read()
            found = re.findall(rb"(?:^|\n)%s: (\w+ [ -~]+)" % HEADER.encode(), whole)
            assert len(found) == (2 if text.startswith("Hello") else 1)
            reports += [*found, *(base64.b64decode(each[4:]) for each in found if each.startswith(b"BIN "))]
    with socket.create_connection(("127.0.0.1", agent_port), timeout=60) as connection:
        return b"\n".join([*reports, connection.recv(1000)])


def accounts(events: Path, state: Path) -> bytes:
    """Returns what the reports of costs and usage have of the events."""
    settings = Settings(events=(events,), state=state)
    written = [path for write in (report_costs, report_usage) for path in write(settings, None)[1]]
    content = b"".join(path.read_bytes() for path in written)
    assert b"EUR" in content
    assert b"speaks" in content  # the name of a key
    return content


@pytest.fixture(scope="module")
def signals(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Everything that left the server, by where it went."""
    collector, over_http = Collector(), HTTPCollector()
    ports = free_ports(["agent", "wyoming"])
    agent_port = ports["agent"]
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{over_http.endpoint}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi",
        "TTSCOPE_LOG_LEVEL": "debug",
        "TTSCOPE_TRACES_PER_SECOND": "1000",
        "TTSCOPE_AUDIT_REQUESTS": "all",
        "TTSCOPE_QUERY_KEYS": "true",
        "TTSCOPE_TRUSTED_PROXIES": "127.0.0.1",
        "TTSCOPE_LOAD_REPORTS": "always",
        "TTSCOPE_AGENT_CHECK_PORT": str(agent_port),
        "TTSCOPE_WYOMING_PORT": str(ports["wyoming"]),
        "TTSCOPE_PRICES_FILE": str(ROOT / "deploy" / "prices.toml"),
        "TTSCOPE_RECOGNISED_SHARE": "1",
    }
    with LiveServer(data_dir, **environment) as server:
        url = server.wait_until_ready().url
        statuses = everywhere(url)
        assert {200, 204, 400, 403, 404, 405, 413, 415, 421, 422, 431} <= statuses
        assert 500 not in statuses
        ANSWERS.append(over_wyoming(ports["wyoming"]))
        leave(url)
        assert {206, 404, 413, 422} <= over_cartesias_socket(url, CANARY)
        assert over_elevenlabs_calls(url, CANARY, send) == {200, 400, 404, 422}
        assert over_elevenlabs_sockets(url, CANARY) == {"final", "invalid_request", "text_too_long"}
        key = {"Authorization": f"Bearer {create(data_dir, 'canary', Scope)}"}
        KEYS[:] = [key["Authorization"].removeprefix("Bearer "), create(data_dir, "speaks"), revoked(data_dir)]
        KEYS.extend([expired(data_dir), unknown(), mistyped(KEYS[0])])
        assert eventually(lambda: send(url, "GET", "/v1/models") == 401)
        assert {200, 400, 401, 403, 404} <= with_keys(url, server.management_url)
        assert eventually(lambda: b'{result="recognised"} 0' not in fetch(f"{url}/prometheus", "text/plain", **key))
        kept = json.loads(fetch(f"{url}/traces", **key))
        traces = [*kept["last"], *kept["slowest"]]  # the last ones are refused requests
        found = {
            "/metrics": fetch(f"{url}/metrics", **key),
            "/prometheus": fetch(f"{url}/prometheus", "text/plain", **key),
            "/prometheus as OpenMetrics": fetch(f"{url}/prometheus", "application/openmetrics-text", **key),
            "/prometheus as protobuf": fetch(f"{url}/prometheus", PROTOBUF, **key),
            "the management port": fetch(f"{server.management_url}/metrics", "text/plain"),
            "/traces": fetch(f"{url}/traces", **key),
            "/traces/{trace_id}": b"".join(fetch(f"{url}/traces/{trace['trace_id']}", **key) for trace in traces),
            "load reports": load_reports(url, agent_port, KEYS[1]),  # after the traces: it makes newer ones
        }
        assert server.stop() == 0
    collector.stop()
    over_http.stop()
    found["OTLP"] = collector.content()
    found["OTLP over HTTP"] = over_http.content()
    found["the logs"] = server.logs
    found["standard output"] = server.output
    files = [path for path in data_dir.rglob("*") if path.is_file() and "voices" not in path.parts]
    found["files"] = b"".join(path.read_bytes() for path in files)
    assert {path.name for path in files} >= {"requests.jsonl", "refused.jsonl"}
    assert b"tts.machine.cost.idle" in found["files"]
    found["reports of costs and usage"] = accounts(data_dir / "events", tmp_path_factory.mktemp("accounts"))
    found["the audit log"] = (data_dir / AUDIT_FOLDER / CURRENT).read_bytes()
    assert verify(data_dir / AUDIT_FOLDER, Chain()).problems == []
    assert not [
        path for path in data_dir.rglob("*") if path.lstat().st_mode & 0o077
    ]  # nobody else on the machine reads them
    return found


WHERE = [
    "/metrics",
    "/prometheus",
    "/prometheus as OpenMetrics",
    "/prometheus as protobuf",
    "the management port",
    "/traces",
    "load reports",
    "/traces/{trace_id}",
    "OTLP",
    "OTLP over HTTP",
    "the logs",
    "standard output",
    "files",
    "reports of costs and usage",
    "the audit log",
]


@pytest.mark.parametrize("where", WHERE)
def test_the_canary_is_nowhere(signals: dict[str, bytes], where: str) -> None:
    content = signals[where].lower()
    assert len(content) > 100
    for form in (CANARY.lower().encode(), CANARY.lower().encode("utf-16-le")):
        assert form not in content


@pytest.mark.parametrize("where", WHERE)
def test_no_key_is_anywhere(signals: dict[str, bytes], where: str) -> None:
    """Valid or not: only the secret is looked for, since the identifier is public."""
    content = signals[where].lower()
    assert len(KEYS) == 6
    for secret in (key.rpartition("_")[2].lower() for key in KEYS):
        for form in (secret.encode(), secret.encode("utf-16-le"), secret[:-6].encode()):
            assert form not in content


def test_no_answer_repeats_a_key(signals: dict[str, bytes]) -> None:
    content = b"".join(ANSWERS)
    assert b'"keys": [' in content
    assert not [key for key in KEYS if key.rpartition("_")[2].encode() in content]


def test_what_was_heard_in_clips_is_among_the_signals(signals: dict[str, bytes]) -> None:
    assert b"tts_word_error_rate_count{" in signals["/prometheus"]
    assert all(b"tts.word_error_rate" in signals[where] for where in ("OTLP", "files", "/traces/{trace_id}"))


def test_a_playback_is_among_the_signals(signals: dict[str, bytes]) -> None:
    assert b"tts_playback_first_sound_seconds_count{" in signals["/prometheus"]
    assert all(b"tts.playback.rating" in signals[where] for where in ("OTLP", "OTLP over HTTP", "files"))


def test_requests_that_were_given_up_are_among_the_signals(signals: dict[str, bytes]) -> None:
    for reason in (b"incomplete", b"during_answer"):
        assert b'tts_cancellations_total{reason="%s"} 1.0' % reason in signals["/prometheus"]
        assert all(reason in signals[where] for where in ("/metrics", "OTLP", "files", "/traces/{trace_id}"))


def test_the_label_of_a_client_is_the_name_of_a_key(signals: dict[str, bytes]) -> None:
    names = set(re.findall(r'client="([^"]*)"', signals["/prometheus"].decode()))
    assert {"anonymous", "canary"} <= names <= {"anonymous", "canary", "speaks", "revoked", "expired"}


def test_the_audit_log_has_requests_refusals_and_changes(signals: dict[str, bytes]) -> None:
    events = Counter(json.loads(line)["event"] for line in signals["the audit log"].splitlines())
    assert events["speech_requested"] > 50
    assert events["server_started"] == events["server_stopped"] == 1
    assert events.keys() >= {"authentication_failed", "scope_refused", "key_created"}
    assert "entries_lost" not in events


@pytest.mark.parametrize(
    "where",
    [
        "OTLP",
        "OTLP over HTTP",
        "the logs",
        "files",
        "the audit log",
        "/traces/{trace_id}",
        "/prometheus",
        "load reports",
    ],
)
def test_no_client_address_is_anywhere(signals: dict[str, bytes], where: str) -> None:
    lines = [line for line in signals[where].splitlines() if b'"url"' not in line]  # where the server itself listens
    assert b"127.0.0.1" not in b"\n".join(lines)


def test_no_file_says_what_is_spoken(signals: dict[str, bytes]) -> None:
    """Nor does an answer's audio, whose metadata names who speaks; ``everywhere`` has read it."""
    content = b"".join(ANSWERS).lower()
    assert len(content) > 100_000
    assert CANARY.lower().encode() not in content


def test_every_signal_is_looked_at(signals: dict[str, bytes]) -> None:
    assert set(WHERE) == set(signals)
