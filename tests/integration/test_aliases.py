"""Aliases over real HTTP: every call takes them, keys are held to the voice, and signals know the voice alone."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import pytest

from server.alias_settings import Alias
from server.audio.loudness import measure
from server.audio.wav import floats
from tests.api_keys import bearer, create
from tests.cloning_provider import CloningProvider
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

TEXT = "One two three four."
ELEVENLABS = "21m00Tcm4TlvDq8ikWAM"
CARTESIA = "a0e99841-438c-4a64-b679-ae501e7d6091"
ALIASES = {
    ELEVENLABS: Alias("kan", speed=2.0),
    CARTESIA: Alias("joe", language="en-us", loudness=-23.0),
    "alloy": Alias("kan"),
    "mislaid": Alias("nobody"),
}
CALLS: dict[str, Any] = {
    "/tts": lambda name: {"json": {"text": TEXT, "voice_name": name}},
    "/v1/audio/speech": lambda name: {
        "json": {"model": "tts-1", "input": TEXT, "voice": name, "response_format": "wav"}
    },
    "/api/tts": lambda name: {"data": {"text": TEXT, "speaker_id": name}},
    "/process": lambda name: {"data": {"INPUT_TEXT": TEXT, "VOICE": name}},
}
FIELDS = {"/tts": "voice_name", "/v1/audio/speech": "voice", "/api/tts": "speaker_id", "/process": "VOICE"}


async def post(client: Client, path: str, **request: Any) -> tuple[int, bytes]:
    async with client.session.post(client.url + path, **request) as response:
        return response.status, await response.read()


def rate_and_seconds(body: bytes) -> tuple[int, float]:
    with wave.open(io.BytesIO(body)) as audio:
        count = len(audio.readframes(audio.getnframes())) // 2
        return audio.getframerate(), count / audio.getframerate()


async def test_every_call_takes_an_alias_and_names_its_field_of_a_lost_one(start: Start) -> None:
    client = await start(aliases=ALIASES)
    _, _, plain = await client.tts({"text": TEXT, "voice_name": "kan"})
    for path, call in CALLS.items():
        for name, faster in (("alloy", 1.0), (ELEVENLABS, 2.0)):
            status, body = await post(client, path, **call(name))
            assert status == 200
            rate, seconds = rate_and_seconds(body)
            assert rate == 24000
            assert seconds == pytest.approx(rate_and_seconds(plain)[1] / faster, abs=0.001)
        status, body = await post(client, path, **call("mislaid"))
        error = json.loads(body)["error"]
        assert (status, error["code"], error["param"]) == (404, "unknown_voice", FIELDS[path])
        assert "nobody, which is not installed" in error["message"]


async def test_what_the_request_says_counts_first(start: Start) -> None:
    client = await start(aliases=ALIASES)
    _, _, plain = await client.tts({"text": TEXT, "voice_name": "kan"})
    for speed in (1.0, 0.5):
        _, _, own = await client.tts({"text": TEXT, "voice_name": ELEVENLABS, "speed": speed})
        assert rate_and_seconds(own)[1] == pytest.approx(rate_and_seconds(plain)[1] / speed, abs=0.001)
    _, _, levelled = await client.tts({"text": TEXT, "voice_name": CARTESIA})
    assert measure(floats(levelled[44:]), 22050)[0] == pytest.approx(-23, abs=0.1)
    _, _, own = await client.tts({"text": TEXT, "voice_name": CARTESIA, "loudness": -30})
    assert measure(floats(own[44:]), 22050)[0] == pytest.approx(-30, abs=0.1)
    _, _, stream = await client.tts({"text": TEXT, "voice_name": CARTESIA, "stream": True})
    _, _, joe = await client.tts({"text": TEXT})
    assert stream[44:] == joe[44:]
    answer = {"text": TEXT, "voice_name": CARTESIA, "language": "xx"}
    assert await client.refused(answer) == (422, "unsupported_language", "language")


async def test_openais_null_speed_leaves_the_aliases(start: Start) -> None:
    client = await start(aliases=ALIASES)
    body = {"model": "m", "input": TEXT, "voice": ELEVENLABS, "response_format": "wav"}
    _, fast = await post(client, "/v1/audio/speech", json=body)
    assert (await post(client, "/v1/audio/speech", json={**body, "speed": None}))[1] == fast
    _, slow = await post(client, "/v1/audio/speech", json={**body, "speed": 1.0})
    assert len(slow) == pytest.approx(2 * len(fast), abs=50)


async def test_they_are_listed_with_their_voices_and_described(start: Start) -> None:
    client = await start(aliases=ALIASES)
    listed = {voice["id"]: voice["aliases"] for voice in (await client.json("/v1/audio/voices"))["voices"]}
    assert listed["joe"][:2] == [CARTESIA, "ash"]
    assert listed["kan"] == [ELEVENLABS, "alloy"]
    schemas = (await client.json("/openapi.json"))["components"]["schemas"]
    names = schemas["TtsRequest"]["properties"]["voice_name"]["anyOf"][0]["enum"]
    assert {"joe", "kan", ELEVENLABS, CARTESIA, "alloy", "verse"} <= set(names)
    assert "mislaid" not in names
    status, body = await post(client, "/v1/text/read", json={"text": TEXT, "voice_name": ELEVENLABS})
    assert (status, json.loads(body)["language"]) == (200, "ja")


async def test_a_key_is_held_to_the_voice(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "app", voices=["joe"])
    client = await start(aliases=ALIASES)
    for name, status in ((CARTESIA, 200), ("verse", 200), ("alloy", 403), (ELEVENLABS, 403), ("mislaid", 404)):
        answer = await post(client, "/tts", json={"text": TEXT, "voice_name": name}, headers=bearer(key))
        assert answer[0] == status, name
    async with client.session.get(f"{client.url}/v1/audio/voices", headers=bearer(key)) as response:
        assert ELEVENLABS not in await response.text()


async def test_signals_have_the_voice_and_never_the_alias(start: Start) -> None:
    client = await start(aliases=ALIASES)
    _, headers, _ = await client.tts({"text": TEXT, "voice_name": ELEVENLABS})
    await client.refused({"text": TEXT, "voice_name": "mislaid"})
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", voice_name="kan", outcome="ok") == [1]
    trace = json.dumps(await client.json(f"/traces/{headers['X-Trace-ID']}"))
    for signal in (text, trace, json.dumps(await client.json("/metrics"))):
        assert ELEVENLABS not in signal
        assert "mislaid" not in signal


async def test_those_that_can_not_be_used_are_logged_once_loaded(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    provider = HummingProvider(ready=False)
    client = await start(provider, aliases=ALIASES)
    assert not [record for record in caplog.records if "alias" in record.message]
    provider.may_start.set()
    await client.until(lambda _: any("alias" in record.message for record in caplog.records))
    [record] = [record for record in caplog.records if "alias" in record.message]
    assert (record.alias, record.voice) == ("mislaid", "nobody")  # type: ignore[attr-defined]


async def test_nobody_registers_a_voice_under_an_aliass_name(start: Start, tmp_path: Path) -> None:
    client = await start(CloningProvider(tmp_path), aliases={"ann": Alias("joe"), ELEVENLABS: Alias("joe")})
    async with client.session.put(f"{client.url}/v1/audio/voices/ann", data=b"") as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (422, "invalid_request", "id")
    described = (await client.json("/openapi.json"))["components"]["schemas"]["TtsRequest"]["properties"]["voice_name"]
    [pattern] = [each["pattern"] for each in described["anyOf"] if "pattern" in each]
    assert ELEVENLABS in pattern
    async with client.session.get(f"{client.url}/docs") as response:
        assert ELEVENLABS in await response.text()
