"""Connections as strangers open them: whatever bytes they send, to a real server on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import tempfile
import threading
import urllib.request
from functools import cache
from pathlib import Path

from tests.fuzz import mutation
from tests.fuzz.target import Target

QUIET_SECONDS = 0.1
"""Without a byte from the server, after which the client ends its side."""
HANG_SECONDS = 20.0
"""The server must have ended its own by then."""
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
METHODS = (
    "GET",
    "POST",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PRI",
    "get",
    "",
    "GE T",
    "X" * 9_000,
    "\x00",
)
PATHS = (
    "/tts", "/tts", "/api/tts", "/process", "/v1/audio/speech", "/v1/audio/voices/ann", "/health", "/metrics", "/traces", "/", "*",
    "/api/tts?text=Hello", "/process?INPUT_TEXT=Hi&AUDIO=MP3_FILE", "/api/tts?text=%ff%00", "/../../etc/passwd", "//x", "/%2e%2e/", "http://127.0.0.1/health", "/tts#x", "",
    "/" + "a" * 9_000, "/tts?" + "a=b&" * 2_000, "127.0.0.1:22", "/traces?since=x", "\\", "/ä",
)  # fmt: skip
VERSIONS = ("HTTP/1.1",) * 8 + (
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/1.1 ",
    "",
    "http/1.1",
    "HTTP/1.10",
    "HTTP/9" * 40,
    "\x01",
)
BODIES = (
    b'{"text": "Hello."}',
    b"",
    b"{",
    b"null",
    b'{"text": "\\ud800"}',
    b"text=Hello",
    b"\xff" * 100,
    b"[" * 5_000,
    b" " * 300_000,
)
HEADERS = (
    "Content-Type: application/json", "Content-Type: application/json; charset=utf-7", "Content-Type: multipart/form-data",
    "Content-Type: \x00", "Content-Type", ": x", "Content-Length: -1", "Content-Length: +5", "Content-Length: 5, 5", "Content-Length: 0x5",
    "Content-Length: 99999999999999999999", "Content-Length: 3\r\nContent-Length: 4", "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: \tchunked",
    "Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: br", "Content-Encoding: x", "Expect: 100-continue",
    "Expect: 200-maybe", "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13", "Upgrade: h2c",
    "Connection: close", "Connection: keep-alive, close", "Host: a\r\nHost: b", "Host: ", "Host: [::1", "Host: x:99999999", "Range: bytes=0-0", "Range: bytes=9-", "Range: bytes=99999999-",
    "Range: bytes=-0", "Range: bytes=1-0, 2-", "If-Range: x",
    "Accept: */*;q=2", "Accept: " + "a/b," * 1_000, "Accept-Encoding: gzip;q=x", "Cookie: a=b; c", "If-None-Match: *", "traceparent: 00-x",
    "traceparent: 00-" + "0" * 32 + "-" + "0" * 16 + "-01", "tracestate: " + "a=b," * 100, "baggage: a=" + "%00" * 99, "X-Request-ID: " + "é" * 40,
    "X-Request-ID: a\tb", "A: " + "b" * 9_000, "text: Hello", "speaker-id: \xff", " folded: x", "A: b\r\n c", "A\x00: b", "A: b\rC: d", "É: é",
    "Cache-Control: no-store, " + "," * 500, "Forwarded: for=x", "Last-Event-ID: 9", "Authorization: Basic !", "Date: never", "A:b\nB:c",
)  # fmt: skip
CHUNKS = (
    b"5\r\nHello\r\n0\r\n\r\n", b"5;a=b\r\nHello\r\n0\r\nX: y\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"5\r\nHel", b"z\r\n", b"\r\n",
    b"0\r\n\r\n", b"1\r\na\r\n" * 3_000, b"5;" + b"x" * 9_000 + b"\r\nHello\r\n0\r\n\r\n", b"0x5\r\nHello\r\n0\r\n\r\n", b"5\nHello\n0\n\n", b"+5\r\nHello\r\n",
)  # fmt: skip


def make(rng: random.Random) -> bytes:
    """One to four requests in a row; half of them are damaged, and some are no HTTP at all."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(
            (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"\r\n" * 99,
                rng.randbytes(300),
                b"\x00" * 9_000,
            )
        )
    data = b"".join(_request(rng) for _ in range(rng.choice((1, 1, 2, 4))))
    return mutation.mutated(rng, data) if rng.random() < 0.5 else data


def check(data: bytes) -> None:
    """No answer is a mistake of the server, it ends the connection, and it answers others meanwhile and afterwards."""
    url = server()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), HANG_SECONDS) as client:
        answer = _exchanged(client, data)
    statuses = {int(status) for status in STATUS.findall(answer)}
    assert not [status for status in statuses if status >= 500 and status not in (501, 503, 505)], f"status {statuses}"
    with urllib.request.urlopen(f"{url}/health", timeout=HANG_SECONDS) as response:
        assert response.status == 200
    with urllib.request.urlopen(f"{url}/metrics", timeout=HANG_SECONDS) as response:
        assert json.load(response)["failed_requests"] == 0


def _exchanged(client: socket.socket, data: bytes) -> bytes:
    """What the server answers. Raises TimeoutError when it never ends the connection."""
    answer = b""
    ended = False
    try:
        client.sendall(data)
        client.settimeout(QUIET_SECONDS)
        while len(answer) < 1_000_000:
            try:
                part = client.recv(65_536)
            except TimeoutError:
                if ended:
                    raise
                client.shutdown(socket.SHUT_WR)
                client.settimeout(HANG_SECONDS)
                ended = True
                continue
            if not part:
                break
            answer += part
    except (ConnectionError, BrokenPipeError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
    return answer


@cache
def server() -> str:
    """The address of a server of this process, whose voice hums; it lives as long as the process."""
    address: list[str] = []
    ready = threading.Event()
    threading.Thread(target=lambda: asyncio.run(_serve(address, ready)), daemon=True).start()
    assert ready.wait(60)
    return address[0]


async def _serve(address: list[str], ready: threading.Event) -> None:
    from server.app import Service
    from server.settings import Settings
    from tests.humming_provider import HummingProvider

    folder = Path(tempfile.mkdtemp())
    settings = Settings(port=0, management_port=0, data_dir=folder, receive_seconds=5.0)
    service = Service(settings, [HummingProvider()])
    await (await service.start())
    address.append(service.url)
    ready.set()
    await asyncio.Event().wait()


def _request(rng: random.Random) -> bytes:
    body = rng.choice(BODIES)
    head = [f"{rng.choice(METHODS)} {rng.choice(PATHS)} {rng.choice(VERSIONS)}"]
    if rng.random() < 0.8:
        head.append("Host: 127.0.0.1")
    head += rng.choices(HEADERS, k=rng.choice((0, 1, 2, 5)))
    if rng.random() < 0.1:
        head += [f"X-{number}: {number}" for number in range(rng.choice((20, 200, 2_000)))]
    if "Transfer-Encoding: chunked" in head:
        body = rng.choice(CHUNKS)
    elif rng.random() < 0.8:
        head.append(f"Content-Length: {len(body) + rng.choice((0, 0, 0, 0, 1, -1))}")
    return "\r\n".join([*head, "", ""]).encode("utf-8") + body


TARGET = Target("connections", make, check, share=0.06, binary=True, threads=16)
