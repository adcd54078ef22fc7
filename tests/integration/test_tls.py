"""A server with real certificates: its clients, hostile handshakes, slow and leaving clients, replaced certificates."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web
from cryptography import x509
from openai import AsyncOpenAI

from otel.contract.values import EarlyEnd
from server import __main__ as program
from server.network import certificate as certificate_module
from server.network.certificate import ServerCertificate
from server.network.connections import Connections
from server.network.ports import SEND_BUFFER_BYTES, Port
from server.settings import Settings
from server.voices.catalogue import Catalogue
from tests.certificates import DAY, Authority
from tests.humming_provider import HummingProvider
from tests.raw_client import RawClient, speech
from tests.service_client import Client, Start, samples
from tests.slow_readers import SlowReader, admitted

LONG = "word " * 42
"""13.6 s of audio, as a WAV file more than the kernel keeps for a connection."""
WAV_BYTES = 599_000
LONGER = ". ".join([LONG] * 20)
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The first bytes of a ClientHello of 512 bytes."""


@dataclass
class Site:
    """The files of a server's certificate, and how its clients connect."""

    authority: Authority
    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        self.authority.issue(self.certificate, self.key)
        self.tls = self.authority.client_context()

    def port(self, application: web.Application) -> tuple[Port, Connections]:
        """A port for an application of the test's own."""
        connections, certificate = Connections(100), ServerCertificate(self.certificate, self.key)
        return Port(application, "127.0.0.1", 0, connections, 30.0, certificate=certificate), connections

    @property
    def settings(self) -> dict[str, Any]:
        return {"tls_certificate": self.certificate, "tls_key": self.key}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Authority(tmp_path / "authority.pem"), tmp_path / "tls.crt", tmp_path / "tls.key")


@pytest.fixture
async def session(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=site.tls)) as session:
        yield session


@pytest.fixture
def secure(start: Start, site: Site, session: aiohttp.ClientSession) -> Start:
    """Starts a server with a certificate; its clients trust the authority of the test."""

    async def starter(provider: HummingProvider | None = None, **settings: Any) -> Client:
        return Client((await start(provider, **site.settings, **settings)).service, session)

    return starter


def connect(client: Client) -> socket.socket:
    """A connection below TLS."""
    host, port = client.url.partition("://")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=60)


async def early_ends(client: Client, reason: str, count: int) -> None:
    """Returns when so many connections have ended for that reason."""
    async with asyncio.timeout(60):
        while samples(await management(client), "tts_connections_ended_early_total", reason=reason) != [count]:
            await asyncio.sleep(0.01)


async def management(client: Client) -> str:
    async with client.session.get(f"{client.service.management_url}/prometheus") as response:
        return await response.text()


async def received(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""

    def read() -> bytes:
        data = b""
        try:
            while piece := connection.recv(65536):
                data += piece
        except ConnectionError:
            pass
        return data

    return await asyncio.to_thread(read)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings and errors of the server and of asyncio. OpenTelemetry's are about several servers in a process."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and not record.name.startswith("opentelemetry")
    ]


async def until(client: Client, **counts: int) -> None:
    """Returns when the summary has these counts."""
    await client.until(lambda summary: all(summary[name] == count for name, count in counts.items()))


# --- clients


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_speech_pages_and_streams_by_https(secure: Start, site: Site, version: ssl.TLSVersion) -> None:
    client = await secure()
    assert client.url.startswith("https://")
    site.tls.maximum_version = site.tls.minimum_version = version
    for stream in (False, True):
        status, headers, audio = await client.tts({"text": LONG, "stream": stream})
        assert (status, audio[:4]) == (200, b"RIFF")
        assert len(audio) >= WAV_BYTES
        assert "Strict-Transport-Security" not in headers
    async with client.session.get(f"{client.url}/") as response:
        assert "main.js" in await response.text()
    async with client.session.head(f"{client.url}/docs") as response:
        assert response.status == 200
    assert await client.refused({"text": "(happy)"}) == (422, "nothing_to_speak", "text")


async def test_other_clients_by_https(secure: Start, site: Site, tmp_path: Path) -> None:
    client = await secure()
    async with httpx.AsyncClient(verify=site.tls) as other:
        answer = await other.post(f"{client.url}/tts", json={"text": "Hello."})
        assert answer.content[:4] == b"RIFF"
        openai = AsyncOpenAI(base_url=f"{client.url}/v1", api_key="none", http_client=other)
        async with openai.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input="Hello.", response_format="flac"
        ) as stream:
            assert (await stream.read())[:4] == b"fLaC"
    if curl := shutil.which("curl"):
        command = [curl, "-sS", "--cacert", str(site.authority.path), "--fail", "--json", '{"text":"Hello."}']
        process = await asyncio.create_subprocess_exec(
            *command, f"{client.url}/tts", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        assert (errors, output[:4]) == (b"", b"RIFF")


async def test_the_management_port_uses_it_unless_it_is_on_the_loopback(secure: Start, site: Site) -> None:
    client = await secure()
    assert str(client.service.management_url).startswith("http://")
    open_to_all = await secure(management_host="0.0.0.0", allow_anonymous=True)
    url = str(open_to_all.service.management_url).replace("0.0.0.0", "127.0.0.1")
    assert url.startswith("https://")
    async with client.session.get(f"{url}/health") as response:
        assert response.status == 200


async def test_the_expiry_is_a_metric(secure: Start, start: Start, site: Site) -> None:
    issued = x509.load_pem_x509_certificate(site.certificate.read_bytes())
    expected = [issued.not_valid_after_utc.timestamp()]
    assert samples(await management(await secure()), "tts_certificate_expiry_timestamp_seconds") == expected
    assert samples(await (await start()).prometheus(), "tts_certificate_expiry_timestamp_seconds") == []


# --- HSTS


async def test_hsts_is_sent_by_https_alone(secure: Start) -> None:
    client = await secure(hsts_seconds=86400)
    for path, status in (("/health", 200), ("/nothing", 404), ("/", 200)):
        async with client.session.get(client.url + path) as response:
            assert (response.status, response.headers["Strict-Transport-Security"]) == (status, "max-age=86400")


@pytest.mark.parametrize(
    ("proxies", "protocol", "sent"),
    [
        ("127.0.0.1", "https", True),
        ("127.0.0.1", "http", False),
        ("127.0.0.1", None, False),
        ("10.0.0.1", "https", False),
    ],
)
async def test_hsts_behind_a_proxy_is_sent_if_it_is_trusted(
    start: Start, proxies: str, protocol: str | None, sent: bool
) -> None:
    client = await start(hsts_seconds=86400, trusted_proxies=proxies)
    headers = {"X-Forwarded-Proto": protocol} if protocol else {}
    async with client.session.get(f"{client.url}/health", headers=headers) as response:
        assert ("Strict-Transport-Security" in response.headers) is sent


# --- hostile handshakes


async def test_plain_http_to_a_tls_port_is_told_so_and_counted(secure: Start, caplog: pytest.LogCaptureFixture) -> None:
    client = await secure()
    raw = await RawClient.connect(client.url)
    await raw.send(speech("Hello."))
    answer = await raw.answer()
    assert (answer.status, answer.code) == (400, "bad_request")
    assert "https://" in answer.message
    assert await raw.rest() == b""
    await until(client, total_requests=1, rejected_requests=1)
    text = await management(client)
    labels = {"endpoint": "/tts", "method": "POST", "status_code": "400", "outcome": "rejected"}
    assert samples(text, "tts_requests_total", **labels) == [1]
    assert complaints(caplog) == []


async def test_tls_to_a_plain_port_is_refused_and_counted(
    start: Start, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    client = await start()
    with pytest.raises(ssl.SSLError):
        await RawClient.connect(client.url, site.tls)
    await client.until(lambda s: s["rejected_requests"] == 1)
    labels = {"endpoint": "other", "status_code": "400", "outcome": "rejected"}
    assert samples(await client.prometheus(), "tts_requests_total", **labels) == [1]
    assert complaints(caplog) == []


@pytest.mark.parametrize("sent", [b"", CLIENT_HELLO, CLIENT_HELLO[:1]], ids=["silent", "cut", "byte"])
async def test_a_handshake_that_does_not_end_is_cut_off(secure: Start, sent: bytes) -> None:
    client = await secure(receive_seconds=0.2)
    with connect(client) as connection:
        connection.sendall(sent)
        assert await received(connection) == b""
    await early_ends(client, "timeout", 1)
    await until(client, total_requests=0)


async def test_after_the_handshake_the_headers_have_their_time(secure: Start, site: Site) -> None:
    client = await secure(receive_seconds=0.2)
    raw = await RawClient.connect(client.url, site.tls)
    await raw.send(b"POST /tts HTTP/1.1\r\nHost: local")
    answer = await raw.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    raw.leave()
    await until(client, total_requests=1, rejected_requests=1)


@pytest.mark.parametrize(
    "sent", [CLIENT_HELLO + bytes(600), b"\x16garbage, and more of it" * 40], ids=["zeros", "text"]
)
async def test_a_handshake_that_fails_is_counted(secure: Start, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    client = await secure()
    with connect(client) as connection:
        connection.sendall(sent)
        await received(connection)
    await early_ends(client, "handshake", 1)
    assert (await client.tts({"text": "Hello."}))[0] == 200
    await until(client, total_requests=1)
    assert complaints(caplog) == []


async def test_an_old_protocol_is_refused(secure: Start, site: Site) -> None:
    client = await secure()
    site.tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        site.tls.minimum_version, site.tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await RawClient.connect(client.url, site.tls)
    await early_ends(client, "handshake", 1)


async def test_unfinished_handshakes_take_places_and_give_way(secure: Start, site: Site) -> None:
    client = await secure(max_connections=3)
    with connect(client) as first, connect(client) as second, connect(client) as third:
        for connection in (first, second, third):
            connection.sendall(CLIENT_HELLO)
        async with asyncio.timeout(60):
            while samples(await management(client), "tts_connections", state="idle") != [3]:
                await asyncio.sleep(0.01)
        raw = await RawClient.connect(client.url, site.tls)
        await raw.send(speech("Hello."))
        assert (await raw.answer()).status == 200
        assert await received(first) == b""
        await early_ends(client, "displaced", 1)
        raw.leave()


async def test_when_all_connections_have_a_request_another_one_is_cut_and_counted(secure: Start, site: Site) -> None:
    provider = HummingProvider()
    client = await secure(provider, max_connections=2)
    provider.gate.clear()
    busy = [await RawClient.connect(client.url, site.tls) for _ in range(2)]
    for raw in busy:
        await raw.send(speech("Hello."))
    async with asyncio.timeout(60):
        while samples(await management(client), "tts_connections", state="busy") != [2]:
            await asyncio.sleep(0.01)
    with pytest.raises(ConnectionError):
        await RawClient.connect(client.url, site.tls)
    await early_ends(client, "full", 1)
    provider.gate.set()
    for raw in busy:
        assert (await raw.answer()).status == 200
        raw.leave()
    await until(client, total_requests=3, successful_requests=2, rejected_requests=1)


async def test_a_rejected_client_that_goes_on_sending_gets_its_answer(secure: Start, site: Site) -> None:
    client = await secure()
    raw = await RawClient.connect(client.url, site.tls)
    await raw.send(b"NOT HTTP\r\n\r\n")
    for _ in range(20):
        await raw.send(bytes(10_000))
    answer = await raw.answer()
    assert (answer.status, answer.code) == (400, "bad_request")
    assert await raw.rest() == b""
    await until(client, total_requests=1, rejected_requests=1)


def client_hello() -> bytes:
    """The first bytes of a real client."""
    sent = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


async def test_no_first_bytes_are_a_mistake_of_the_server(site: Site) -> None:
    """300 handshakes with bytes changed, cut, doubled or added, in one or two pieces."""
    random, hello = Random(8), client_hello()
    mistakes: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
    port, connections = site.port(web.Application())
    await port.listen()

    async def send(number: int) -> None:
        data = bytearray(hello)
        for _ in range(number % 4):
            data[random.randrange(len(data))] = random.randrange(256)
        if number % 3:
            start, end = sorted(random.choices(range(len(data)), k=2))
            data[start:end] = [b"", data[start:end] * 2, random.randbytes(random.randrange(40_000))][number % 3]
        raw = await RawClient.connect(str(port.url))
        cut = random.randrange(len(data) + 1)
        for piece in (data[:cut], data[cut:]):
            await raw.send(bytes(piece))
            await asyncio.sleep(0)
        raw.leave()

    for start in range(0, 300, 20):
        await asyncio.gather(*(send(number) for number in range(start, start + 20)))
    async with asyncio.timeout(60):
        while connections.idle or connections.busy:
            await asyncio.sleep(0.01)
    assert mistakes == []
    assert connections.ended_early[EarlyEnd.HANDSHAKE] > 50
    raw = await RawClient.connect(str(port.url), site.tls)
    await raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await raw.answer()).status == 404
    raw.leave()
    port.close()
    await port.stop()


# --- clients that leave, or read slowly


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("ends", ["leave", "reset", "cut"])
async def test_a_client_that_leaves_ends_the_work(secure: Start, site: Site, ends: str, stream: bool) -> None:
    """By a close_notify, by a reset, and by the end of TCP alone."""
    provider = HummingProvider()
    client = await secure(provider)
    provider.gate.clear()
    raw = await RawClient.connect(client.url, site.tls)
    await raw.send(speech("One. Two.", stream=stream))
    await until(client, requests_in_flight=1)
    if ends == "cut":
        raw.shut_down()
    else:
        getattr(raw, ends)()
    await until(client, cancelled_requests=1, requests_in_flight=0)
    assert provider.closed_generators == 1
    assert samples(await management(client), "tts_requests_total", outcome="cancelled", status_code="499") == [1]
    raw.leave()


async def test_a_connection_that_breaks_amid_a_body_is_no_mistake_of_the_server(
    secure: Start, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    client = await secure()
    raw = await RawClient.connect(client.url, site.tls)
    await raw.send(speech("Hello.")[:-5])
    await until(client, requests_in_flight=1)
    raw.send_below(b"this is no TLS record")
    await until(client, cancelled_requests=1, requests_in_flight=0)
    assert complaints(caplog) == []
    raw.leave()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_does_not_read_is_cut_off(secure: Start, site: Site, stream: bool) -> None:
    client = await secure(send_seconds=0.3)
    reader = await admitted(client.url, tls=site.tls, text=LONGER, stream=stream)
    await until(client, cancelled_requests=1, requests_in_flight=0)
    assert samples(await management(client), "tts_unsent_bytes") == [0]
    assert samples(await management(client), "tts_slow_requests_total", reason="slow_client") == [1]
    reader.leave()


@pytest.mark.parametrize(("rate", "pause", "served"), [(1000.0, 0.05, False), (0.75, 0.005, True)])
async def test_the_least_rate_applies(secure: Start, site: Site, rate: float, pause: float, served: bool) -> None:
    client = await secure(send_seconds=2.0, min_send_rate=rate)
    reader = await admitted(client.url, buffer=32 * 1024, tls=site.tls, text=". ".join([LONG] * 3))
    assert (await reader.trickle(pause) > 3 * WAV_BYTES) is served
    await until(client, successful_requests=int(served), cancelled_requests=int(not served))
    reader.leave()


async def test_a_write_waits_until_the_kernel_has_taken_it(site: Site) -> None:
    """asyncio's TLS would keep one more piece, which nobody counts."""
    kept: list[int] = []
    piece = bytes(64 * 1024)
    ends = asyncio.Event()

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        below = request.transport._ssl_protocol._transport  # type: ignore[union-attr]
        for _ in range(30):
            await response.write(piece)
            await request.writer.drain()
            kept.append(below.get_write_buffer_size())
        ends.set()
        return response

    application = web.Application()
    application.router.add_post("/tts", send)
    port, _ = site.port(application)
    await port.listen()
    reader = await SlowReader.connect(str(port.url), tls=site.tls)
    assert await reader.ask(text="") == 200
    assert not ends.is_set()
    assert await reader.trickle(0) >= 30 * len(piece) > 2 * SEND_BUFFER_BYTES
    assert kept == [0] * 30
    reader.leave()
    port.close()
    await port.stop()


# --- the end, and replaced certificates


async def test_the_server_stops_in_order(secure: Start, site: Site) -> None:
    """A request in flight gets its answer; an unfinished handshake is cut."""
    provider = HummingProvider()
    client = await secure(provider)
    provider.gate.clear()
    raw = await RawClient.connect(client.url, site.tls)
    await raw.send(speech("Hello."))
    await until(client, requests_in_flight=1)
    with connect(client) as unfinished:
        unfinished.sendall(CLIENT_HELLO)
        stopping = asyncio.create_task(client.service.stop())
        await asyncio.sleep(0)
        provider.gate.set()
        assert (await raw.answer()).status == 200
        await stopping
        assert await received(unfinished) == b""
        assert await raw.rest() == b""
    raw.leave()


async def test_a_certificate_is_replaced_under_load_without_a_failed_request(
    secure: Start, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four clients with a connection for each request, and one that keeps its own."""
    monkeypatch.setattr(certificate_module, "POLL_SECONDS", 0.01)
    client = await secure()
    kept = await RawClient.connect(client.url, site.tls)
    serials: list[int] = []
    statuses: list[int] = []
    replaced = asyncio.Event()

    async def ask() -> None:
        while not replaced.is_set():
            raw = await RawClient.connect(client.url, site.tls)
            await raw.send(speech("Hello."))
            answer = await raw.answer()
            statuses.append(answer.status if answer.body[:4] == b"RIFF" else 0)
            serials.append(x509.load_der_x509_certificate(raw.certificate()).serial_number)
            raw.leave()

    async def replace() -> None:
        """Returns once each new certificate was seen by a client."""
        for days in range(2, 7):
            certificate, key = (path.with_name(f"{path.name}.new") for path in (site.certificate, site.key))
            issued = site.authority.issue(certificate, key, expires=days * DAY)
            certificate.replace(site.certificate)
            await asyncio.sleep(0.02)  # the server may see the new certificate with the old key
            key.replace(site.key)
            while issued.serial_number not in serials:
                await asyncio.sleep(0.01)
        replaced.set()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for task in (replace, ask, ask, ask, ask):
            group.create_task(task())
    assert set(statuses) == {200}
    await kept.send(speech("Hello."))
    assert (await kept.answer()).status == 200
    kept.leave()


async def test_the_program_says_why_it_can_not_use_a_certificate(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "build_providers", lambda *_: [HummingProvider()])
    other = site.key.with_name("other.key")
    site.authority.issue(site.certificate.with_name("other.crt"), other)
    settings = Settings(port=0, management_port=0, data_dir=tmp_path, tls_certificate=site.certificate, tls_key=other)
    assert await program.serve(settings, Catalogue.scan(tmp_path / "voices")) == 2
    problem = "TTSCOPE_TLS_CERTIFICATE, TTSCOPE_TLS_KEY: the key does not belong to the certificate"
    assert capsys.readouterr().err == f"ttscope: {problem}\n"
