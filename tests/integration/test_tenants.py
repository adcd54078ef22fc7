"""Two tenants with keys of their own on one server: neither uses, changes or learns of what the other has."""

from __future__ import annotations

import asyncio
import io
import json
import re
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.access.caller import Scope
from server.audio import wav
from server.voices.catalogue import ALIASES
from server.voices.recordings import RESERVED, SAMPLE_RATE
from server.voices.tenant_recordings import RECORDINGS_FOLDER
from tests.api_keys import bearer, create
from tests.cloning_provider import CloningProvider, pitch, tone
from tests.service_client import Client, Start

CANARY = "zzcanaryvoice"
TEXT = "Your code is four eight two one, do not tell anybody."
ALPHA, BETA = 300, 700
"""The pitches in Hz of the tenants' recordings."""
SPEECH = {
    "/tts": ("voice_name", lambda name: {"json": {"text": TEXT, "voice_name": name}}),
    "/v1/audio/speech": (
        "voice",
        lambda name: {"json": {"model": "tts-1", "input": TEXT, "voice": name, "response_format": "wav"}},
    ),
    "/api/tts": ("speaker_id", lambda name: {"data": {"text": TEXT, "speaker_id": name}}),
    "/process": ("VOICE", lambda name: {"data": {"INPUT_TEXT": TEXT, "VOICE": name}}),
    "/v1/text/read": ("voice_name", lambda name: {"json": {"text": TEXT, "voice_name": name}}),
}
"""Each call that names a voice: how it calls the field, and a request for a voice."""


@dataclass
class Answer:
    """A response."""

    status: int
    headers: Any
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        error: dict[str, str] = json.loads(self.body)["error"]
        return error

    @property
    def pitch(self) -> int:
        with wave.open(io.BytesIO(self.body)) as file:
            audio = np.frombuffer(self.body[wav.HEADER_BYTES :], "<i2").astype(np.float32)
            return pitch(audio, file.getframerate())


class Tenant:
    """A client with a key of one tenant."""

    def __init__(self, client: Client, key: str) -> None:
        self.client, self.key = client, key

    async def call(self, method: str, path: str, **request: Any) -> Answer:
        async with self.client.session.request(
            method, self.client.url + path, headers=bearer(self.key), **request
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def register(self, name: str, hertz: float) -> Answer:
        audio = wav.pcm16(tone(hertz))
        return await self.call("PUT", f"/v1/audio/voices/{name}", data=wav.header(SAMPLE_RATE, len(audio)) + audio)

    async def delete(self, name: str) -> Answer:
        return await self.call("DELETE", f"/v1/audio/voices/{name}")

    async def speak(self, name: str, path: str = "/tts") -> Answer:
        return await self.call("POST", path, **SPEECH[path][1](name))

    async def voices(self) -> list[str]:
        listed = json.loads((await self.call("GET", "/v1/audio/voices")).body)["voices"]
        return [voice["id"] for voice in listed]


@dataclass
class Tenants:
    """A server with two tenants, and a key of the first one that may use only the voices joe and ann."""

    alpha: Tenant
    beta: Tenant
    limited: Tenant


async def tenants_of(start: Start, folder: Path, **settings: Any) -> Tenants:
    keys = [create(folder, f"{tenant}-key", Scope, tenant=tenant) for tenant in ("alpha", "beta")]
    keys.append(create(folder, "kiosk", Scope, tenant="alpha", voices=frozenset({"joe", "ann"})))
    client = await start(CloningProvider(folder / RECORDINGS_FOLDER), **settings)
    return Tenants(*(Tenant(client, key) for key in keys))


@pytest.fixture
async def tenants(start: Start, tmp_path: Path) -> Tenants:
    return await tenants_of(start, tmp_path)


async def test_tenants_have_voices_of_one_name(tenants: Tenants) -> None:
    for tenant, hertz in ((tenants.alpha, ALPHA), (tenants.beta, BETA)):
        assert (await tenant.register("ann", hertz)).status == 201
    assert [(await tenant.speak("ann")).pitch for tenant in (tenants.alpha, tenants.beta)] == [ALPHA, BETA]
    assert (await tenants.beta.register("ann", 500)).status == 200
    assert [(await tenant.speak("ann")).pitch for tenant in (tenants.alpha, tenants.beta)] == [ALPHA, 500]
    assert (await tenants.alpha.delete("ann")).status == 204
    assert (await tenants.alpha.speak("ann")).status == 404
    assert (await tenants.beta.speak("ann")).pitch == 500


@pytest.mark.parametrize("path", SPEECH)
async def test_anothers_voice_is_like_one_that_does_not_exist(tenants: Tenants, path: str) -> None:
    await tenants.alpha.register(CANARY, ALPHA)
    assert (await tenants.alpha.speak(CANARY, path)).status == 200
    theirs, nobodys = await tenants.beta.speak(CANARY, path), await tenants.beta.speak("nobody", path)
    assert (theirs.status, theirs.error) == (nobodys.status, nobodys.error)
    assert (theirs.status, theirs.error["code"], theirs.error["param"]) == (404, "unknown_voice", SPEECH[path][0])
    assert theirs.error["message"] == "there is no such voice; available: joe, kan"


async def test_anothers_voice_is_neither_replaced_nor_deleted(tenants: Tenants) -> None:
    await tenants.alpha.register("ann", ALPHA)
    theirs, nobodys = await tenants.beta.delete("ann"), await tenants.beta.delete("nobody")
    assert (theirs.status, theirs.error) == (nobodys.status, nobodys.error) == (404, nobodys.error)
    assert (await tenants.beta.register("ann", BETA)).status == 201  # as if there were none
    assert (await tenants.beta.delete("ann")).status == 204
    assert (await tenants.alpha.speak("ann")).pitch == ALPHA


async def test_no_route_tells_of_anothers_voice(tenants: Tenants, tmp_path: Path) -> None:
    await tenants.alpha.register(CANARY, ALPHA)
    await tenants.alpha.speak(CANARY)
    paths = json.loads((await tenants.beta.call("GET", "/openapi.json")).body)["paths"]
    reads = [path for path, calls in paths.items() if "get" in calls]
    assert {"/v1/audio/voices", "/voices", "/locales", "/details", "/traces", "/metrics", "/docs"} <= set(reads)
    trace = json.loads((await tenants.beta.call("GET", "/traces")).body)["last"][0]
    answers = {path: await tenants.beta.call("GET", path.replace("{id}", trace["trace_id"])) for path in reads}
    for path, answer in answers.items():
        assert CANARY.encode() not in answer.body, path
        assert CANARY not in str(answer.headers), path
    assert trace["voice_name"] == "registered"
    shown = [path for path in reads if CANARY.encode() in (await tenants.alpha.call("GET", path)).body]
    assert set(shown) == {"/v1/audio/voices", "/voices", "/details"}
    schemas = json.loads(answers["/openapi.json"].body)["components"]["schemas"]
    described = schemas["TtsRequest"]["properties"]["voice_name"]["anyOf"][0]
    assert described["examples"] == ["joe", "kan", *ALIASES]
    assert re.fullmatch(described["pattern"], CANARY)  # clients made from the description may use registered voices
    stranger = tenants.alpha.client.session
    for path in ("/openapi.json", "/docs"):
        async with stranger.get(tenants.alpha.client.url + path) as response:
            assert CANARY not in await response.text()


async def test_languages_are_of_the_voices_that_a_caller_may_use(tenants: Tenants) -> None:
    assert (await tenants.alpha.call("GET", "/locales")).body.decode().split() == ["en", "en-us", "ja"]
    assert (await tenants.limited.call("GET", "/locales")).body.decode().split() == ["en", "en-us"]


async def test_recordings_lie_in_folders_of_their_tenants(tenants: Tenants, tmp_path: Path) -> None:
    await tenants.alpha.register("ann", ALPHA)
    await tenants.beta.register("ann", BETA)
    paths = await asyncio.to_thread(list, (tmp_path / RECORDINGS_FOLDER).rglob("*.wav"))
    files = sorted(str(path.relative_to(tmp_path / RECORDINGS_FOLDER)) for path in paths)
    assert files == ["alpha/ann.wav", "beta/ann.wav"]


@pytest.mark.parametrize("name", [*ALIASES, *RESERVED, "joe", "kan"])
async def test_no_tenant_takes_a_name_that_others_use(tenants: Tenants, name: str) -> None:
    """Whoever registered alloy would be heard by all of OpenAI's clients."""
    answer = await tenants.alpha.register(name, ALPHA)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (422, "invalid_request", "id")
    assert name in answer.error["message"].split(": ", 1)[1]
    assert await tenants.alpha.voices() == ["joe", "kan"]


async def test_a_key_is_held_to_its_voices(tenants: Tenants) -> None:
    for name in ("ann", "ben"):
        await tenants.alpha.register(name, ALPHA)
    assert await tenants.limited.voices() == ["joe", "ann"]
    assert (await tenants.limited.call("GET", "/voices")).body == b"joe en u\nann en u\n"
    details = (await tenants.limited.call("GET", "/details")).body
    assert (b"ann" in details, b"ben" in details) == (True, False)
    for path, (field, _) in SPEECH.items():
        assert (await tenants.limited.speak("ann", path)).status == 200
        answer = await tenants.limited.speak("ben", path)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "voice_not_allowed", field)
        assert answer.error["message"].endswith("allowed: ann, joe")
    for answer in (await tenants.limited.register("ben", BETA), await tenants.limited.delete("ben")):
        assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "voice_not_allowed", "id")
    assert (await tenants.limited.register("ann", BETA)).status == 200
    assert (await tenants.alpha.speak("ann")).pitch == BETA
    assert (await tenants.alpha.speak("ben")).pitch == ALPHA


@pytest.mark.parametrize(("shared", "others"), [(False, "miss"), (True, "hit")])
async def test_a_cached_clip_tells_another_tenant_nothing(
    start: Start, tmp_path: Path, shared: bool, others: str
) -> None:
    tenants = await tenants_of(start, tmp_path, cache_bytes=10_000_000, cache_shared=shared)

    async def results(tenant: Tenant, name: str) -> list[str]:
        return [(await tenant.speak(name)).headers["X-TTS-Cache"] for _ in range(2)]

    assert await results(tenants.alpha, "joe") == ["miss", "hit"]
    assert await results(tenants.limited, "joe") == ["hit", "hit"]  # of the same tenant
    assert await results(tenants.beta, "joe") == [others, "hit"]
    for tenant, hertz in ((tenants.alpha, ALPHA), (tenants.beta, BETA)):
        await tenant.register("ann", hertz)
        assert await results(tenant, "ann") == ["miss", "hit"]
        assert (await tenant.speak("ann")).pitch == hertz


async def test_a_deleted_voices_clips_are_not_found_again(start: Start, tmp_path: Path) -> None:
    tenants = await tenants_of(start, tmp_path, cache_bytes=10_000_000)
    for result in ("miss", "miss"):
        await tenants.alpha.register("ann", ALPHA)
        assert (await tenants.alpha.speak("ann")).headers["X-TTS-Cache"] == result
        assert (await tenants.alpha.speak("ann")).headers["X-TTS-Cache"] == "hit"
        await tenants.alpha.delete("ann")
        assert (await tenants.alpha.speak("ann")).status == 404
