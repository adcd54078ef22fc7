"""Voices that clients register, spoken by Coqui's own XTTS with weights by chance: see tests/tiny_xtts.py."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bench.clients.recording import read_wav
from otel.contract.values import Stage
from server.errors import UnknownVoice
from server.providers.xtts import XttsProvider
from server.shared.store_address import open_shared_files
from server.utterance import Listener, Utterance
from server.voices.tenant_recordings import RECORDINGS_FOLDER, TenantRecordings
from tests.humming_provider import Told
from tests.server_process import LiveServer
from tests.tiny_xtts import SENTENCE, write_tiny_xtts
from tests.unit.test_recordings import as_wav, tone

CANARY = "zzcanaryvoice"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_xtts(tmp_path_factory.mktemp("xtts"))


@pytest.fixture(scope="module")
def server(data_dir: Path, model: Path) -> Iterator[LiveServer]:
    settings = {"TTSCOPE_PROVIDERS": "onnx,xtts", "TTSCOPE_XTTS_DIR": str(model), "TTSCOPE_CACHE_BYTES": "0"}
    with LiveServer(data_dir, **settings) as started:
        yield started.wait_until_ready()
        assert started.stop() == 0


@pytest.fixture
async def session(server: LiveServer):
    async with aiohttp.ClientSession(server.url) as opened:
        yield opened


async def register(session: aiohttp.ClientSession, name: str, audio: bytes | None = None) -> tuple[int, dict]:
    async with session.put(f"/v1/audio/voices/{name}", data=audio or as_wav(tone(4))) as response:
        return response.status, await response.json()


async def speak(session: aiohttp.ClientSession, name: str, text: str = SENTENCE, **more: object) -> tuple[int, bytes]:
    async with session.post("/tts", json={"text": text, "voice_name": name, **more}) as response:
        return response.status, await response.read()


async def test_a_recording_becomes_a_voice(session: aiohttp.ClientSession):
    status, described = await register(session, "ann")
    assert (status, described) == (201, {"id": "ann", "languages": ["en", "de"], "seconds": 4.0})
    async with session.get("/v1/audio/voices") as response:
        assert "ann" in [voice["id"] for voice in (await response.json())["voices"]]
    status, body = await speak(session, "ann")
    assert status == 200
    assert read_wav(body).seconds == pytest.approx(1.7, abs=0.3)
    assert (await register(session, "ann", as_wav(tone(5))))[0] == 200


async def test_a_stream_comes_in_chunks(session: aiohttp.ClientSession):
    await register(session, "ben")
    async with session.post("/tts", json={"text": SENTENCE, "voice_name": "ben", "stream": True}) as response:
        assert (response.status, response.headers["X-TTS-Provider"]) == (200, "xtts")
        parts = [part async for part, _ in response.content.iter_chunks()]
    assert len(parts) >= 2


async def test_speed_changes_the_length(session: aiohttp.ClientSession):
    await register(session, "cat")
    slow, usual = [read_wav((await speak(session, "cat", speed=speed))[1]).seconds for speed in (0.7, 1.0)]
    assert slow > 1.2 * usual


async def test_requests_at_once_are_all_answered(session: aiohttp.ClientSession):
    await register(session, "dan")
    answers = await asyncio.gather(*(speak(session, "dan", stream=number % 2 == 0) for number in range(6)))
    assert [status for status, _ in answers] == [200] * 6


async def test_the_same_seed_makes_the_same_samples_beside_other_speech(session: aiohttp.ClientSession):
    await register(session, "ann")
    text = f"{SENTENCE} {SENTENCE}"
    _, alone = await speak(session, "ann", text, seed=7)
    answers = await asyncio.gather(*(speak(session, "ann", text, seed=seed) for seed in (7, 8, 7)))
    (_, same), (_, other), (_, again) = answers
    assert alone == same == again
    assert other != alone


async def test_a_deleted_voice_is_gone(session: aiohttp.ClientSession):
    await register(session, "eve")
    async with session.delete("/v1/audio/voices/eve") as response:
        assert response.status == 204
    assert (await speak(session, "eve"))[0] == 404
    async with session.delete("/v1/audio/voices/eve") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("name", "audio", "status", "param"),
    [
        ("joe", None, 422, "id"),
        ("alloy", None, 422, "id"),
        ("Not-A-Name", None, 422, "id"),
        ("..%2F..%2Fetc", None, 422, "id"),
        ("fay", b"words, not sound", 422, "audio"),
        ("fay", as_wav(tone(1)), 422, "audio"),
        ("fay", b"\0" * (10 * 1024 * 1024 + 1), 413, "audio"),
    ],
)
async def test_what_is_no_voice_is_refused(
    session: aiohttp.ClientSession, name: str, audio: bytes | None, status: int, param: str
):
    async with session.put(f"/v1/audio/voices/{name}", data=audio or as_wav(tone(4))) as response:
        assert response.status == status
        assert (await response.json())["error"]["param"] == param
        assert name not in (await response.text()) or name in ("joe", "alloy", "fay")


async def test_a_recording_that_says_its_length_is_refused_before_it_is_read(server: LiveServer):
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PUT /v1/audio/voices/fay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485761\r\n\r\n")
    async with asyncio.timeout(60):
        assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_compressed_recording_is_refused(session: aiohttp.ClientSession):
    headers = {"Content-Encoding": "gzip"}
    async with session.put("/v1/audio/voices/fay", data=gzip.compress(as_wav(tone(4))), headers=headers) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_client_sends_one_recording_at_a_time_and_two_clients_do(server: LiveServer):
    async def held_upload(address: str, name: str, whole: asyncio.Event, begun: asyncio.Event) -> int:
        async def body():
            yield as_wav(tone(4))[:100]
            begun.set()
            await whole.wait()
            yield as_wav(tone(4))[100:]

        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with (
            aiohttp.ClientSession(server.url, connector=connector) as own,
            own.put(f"/v1/audio/voices/{name}", data=body()) as response,
        ):
            await response.read()
            return response.status

    async def refused(address: str) -> None:
        """Until the server has seen the uploads that are under way."""
        async with asyncio.timeout(20):
            while await held_upload(address, "ira", complete, asyncio.Event()) != 429:
                pass

    complete, whole = asyncio.Event(), asyncio.Event()
    complete.set()
    begun = [asyncio.Event(), asyncio.Event()]
    uploads = [asyncio.create_task(held_upload("127.0.0.2", "gus", whole, begun[0]))]
    await begun[0].wait()
    await refused("127.0.0.2")
    uploads.append(asyncio.create_task(held_upload("127.0.0.3", "hal", whole, begun[1])))
    await begun[1].wait()
    await refused("127.0.0.4")
    whole.set()
    assert await asyncio.gather(*uploads) == [201, 201]


async def test_what_was_heard_of_a_deleted_voice_is_forgotten(model: Path, tmp_path: Path):
    recordings = TenantRecordings(tmp_path)
    store = recordings.of("alpha")
    provider = XttsProvider(model, recordings, device="cpu", max_audio_seconds=60, log=logging.getLogger("test"))
    told = Told()
    await provider.start(told)
    assert told.thread_seconds == []
    store.put("ann", tone(4))
    [voice] = provider.voices()
    utterance = Utterance(SENTENCE, voice, "en", 3, len(SENTENCE))
    chunks = [chunk async for chunk in provider.speak(utterance, Listener())]
    inferring = [each for chunk in chunks for each in chunk.intervals if each.stage is Stage.INFER]
    *steps, (_, end) = told.thread_seconds  # the last step says that there is no more audio
    assert [seconds for _, seconds in steps] == pytest.approx([each.nanos / 1e9 * each.units for each in inferring])
    assert end < max(seconds for _, seconds in steps)
    assert list(provider._conditionings) == [voice.checksum]
    store.remove("ann")
    assert not provider._conditionings
    with pytest.raises(UnknownVoice):
        [chunk async for chunk in provider.speak(utterance, Listener())]
    assert not provider._conditionings
    await provider.close()


async def test_tenants_voices_of_one_name_have_conditionings_of_their_own(model: Path, tmp_path: Path):
    recordings = TenantRecordings(tmp_path)
    provider = XttsProvider(model, recordings, device="cpu", max_audio_seconds=60, log=logging.getLogger("test"))
    await provider.start(Told())
    for tenant, seconds in (("alpha", 4), ("beta", 5)):
        recordings.of(tenant).put("ann", tone(seconds))
    alphas, betas = provider.voices()
    assert [voice.key for voice in (alphas, betas)] == [("alpha", "ann"), ("beta", "ann")]
    for voice in (alphas, betas):
        utterance = Utterance(SENTENCE, voice, "en", 3, len(SENTENCE))
        assert [chunk async for chunk in provider.speak(utterance, Listener())]
    assert list(provider._conditionings) == [alphas.checksum, betas.checksum]
    recordings.of("alpha").remove("ann")
    assert list(provider._conditionings) == [betas.checksum]
    assert provider.voices() == (betas,)
    forged = Utterance(SENTENCE, replace(betas, tenant="alpha"), "en", 3, len(SENTENCE))
    with pytest.raises(UnknownVoice):
        [chunk async for chunk in provider.speak(forged, Listener())]
    await provider.close()


async def test_a_voice_of_another_server_is_spoken_until_that_server_deletes_it(model: Path, tmp_path: Path):
    (tmp_path / "store").mkdir()
    files = [open_shared_files(str(tmp_path / "store"), tmp_path / name) for name in "ab"]
    stores = [TenantRecordings(each.folder / RECORDINGS_FOLDER, shared=each) for each in files]
    provider = XttsProvider(model, stores[1], device="cpu", max_audio_seconds=60, log=logging.getLogger("test"))
    await provider.start(Told())
    stores[0].of("alpha").put("ann", tone(4))
    files[1].look()
    [voice] = provider.voices()
    utterance = Utterance(SENTENCE, voice, "en", 3, len(SENTENCE))
    assert [chunk async for chunk in provider.speak(utterance, Listener())]
    assert list(provider._conditionings) == [voice.checksum]
    stores[0].of("alpha").remove("ann")
    files[1].look()
    assert provider.voices() == ()
    assert not provider._conditionings
    await provider.close()


async def test_a_voices_name_goes_into_no_signal(session: aiohttp.ClientSession, server: LiveServer, data_dir: Path):
    await register(session, CANARY)
    assert (await speak(session, CANARY))[0] == 200
    await speak(session, CANARY, text="(nothing)")
    for path in ("/metrics", "/prometheus", "/traces"):
        async with session.get(path) as response:
            text = await response.text()
        assert CANARY not in text, path
    async with session.get("/metrics") as response:
        voices = [entry["voice_name"] for entry in json.loads(await response.text())["top_voices"]]
    assert "registered" in voices
    events = data_dir / "events" / "requests.jsonl"
    async with asyncio.timeout(30):
        while not events.exists() or '"registered"' not in events.read_text():
            await asyncio.sleep(0.2)
    assert CANARY not in events.read_text()
    assert CANARY.encode() not in server.logs + server.output


async def test_nobody_else_on_the_machine_reads_what_a_server_keeps(
    session: aiohttp.ClientSession, server: LiveServer, data_dir: Path
):
    await register(session, "joy")
    assert (await speak(session, "joy"))[0] == 200
    async with asyncio.timeout(30):
        while not (events := data_dir / "events" / "requests.jsonl").exists() or not events.stat().st_size:
            await asyncio.sleep(0.2)
    paths = await asyncio.to_thread(lambda: {str(path.relative_to(data_dir)): path for path in data_dir.rglob("*")})
    assert paths.keys() >= {"samples/default/joy.wav", "events/requests.jsonl", "journal", "voices/joe"}
    assert not [name for name, path in paths.items() if path.lstat().st_mode & 0o077]
    assert "other users could read files in the data folder, and can't any more" in server.logs.decode()


async def test_without_xtts_nothing_can_be_registered(server_url: str):
    async with aiohttp.ClientSession(server_url) as session:
        status, answer = await register(session, "ann")
    assert status == 404
    assert "xtts" in answer["error"]["message"]
