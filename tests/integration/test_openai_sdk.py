"""OpenAI's own SDKs, for Python and for JavaScript, against the server: nothing but the address is changed."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from server.errors import EngineFailed
from tests.api_keys import create, unknown
from tests.client_features import shows
from tests.humming_provider import HummingProvider, failing
from tests.service_client import Client, Start, samples
from tests.slow_provider import LONG, SlowProvider

TEXT = "Hello there. How are you?"
Sdk = Callable[..., AsyncOpenAI]


@pytest.fixture
async def sdk() -> AsyncIterator[Sdk]:
    """Makes clients, and closes them."""
    made: list[AsyncOpenAI] = []

    def make(client: Client, **options: Any) -> AsyncOpenAI:
        made.append(AsyncOpenAI(base_url=f"{client.url}/v1", api_key="none", **options))
        return made[-1]

    yield make
    for client in made:
        await client.close()


def seconds(path: Path, **options: Any) -> float:
    with av.open(str(path), **options) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(audio=0)) / stream.rate


@shows("OpenAI", "openai", "whole text")
def test_the_real_voice_is_streamed_into_a_file_that_plays(server_url: str, tmp_path: Path) -> None:
    client = OpenAI(base_url=f"{server_url}/v1", api_key="none")
    path = tmp_path / "speech.mp3"
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=TEXT, instructions="Speak like a pirate."
    ) as response:
        assert response.headers["content-type"] == "audio/mpeg"
        assert response.headers["x-tts-ignored"] == "instructions"
        response.stream_to_file(path)
    assert 1.0 < seconds(path) < 5.0


async def test_a_voice_by_name_by_id_and_by_alias_is_the_same(start: Start, sdk: Sdk) -> None:
    client = await start()
    create = sdk(client).audio.speech.create
    same = [
        (await create(model="tts-1", voice=voice, input=TEXT, response_format="wav")).content
        for voice in ("joe", {"id": "joe"}, "alloy", "verse", {"id": "marin"})
    ]
    assert len(set(same)) == 1
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/v1/audio/speech", voice_name="joe", outcome="ok") == [5]


async def test_speed_and_the_rate_of_pcm(start: Start, sdk: Sdk) -> None:
    create = sdk(await start()).audio.speech.create
    normal = (await create(model="tts-1", voice="joe", input=TEXT, response_format="pcm")).content
    assert len(normal) / 2 / 24000 == pytest.approx(0.065 * len("Hello there How are you?"), abs=0.01)
    for speed in (0.25, 4.0):
        other = (await create(model="tts-1", voice="joe", input=TEXT, response_format="pcm", speed=speed)).content
        assert len(other) == pytest.approx(len(normal) / speed, abs=4)


@pytest.mark.parametrize(
    ("wrong", "error", "named"),
    [
        ({"voice": "nobody"}, openai.NotFoundError, ("unknown_voice", "voice")),
        ({"voice": {"id": "nobody"}}, openai.NotFoundError, ("unknown_voice", "voice")),
        ({"voice": {"name": "joe"}}, openai.UnprocessableEntityError, ("invalid_request", "voice")),
        ({"input": ""}, openai.UnprocessableEntityError, ("nothing_to_speak", "input")),
        ({"speed": 4.5}, openai.UnprocessableEntityError, ("invalid_request", "speed")),
        ({"response_format": "midi"}, openai.UnprocessableEntityError, ("unsupported_format", "response_format")),
        ({"stream_format": "smoke"}, openai.UnprocessableEntityError, ("invalid_request", "stream_format")),
        ({"input": "a\x00b"}, openai.BadRequestError, ("invalid_text", "input")),
        ({"extra_body": {"mood": "glad"}}, openai.UnprocessableEntityError, ("invalid_request", None)),
    ],
)
async def test_a_mistake_is_the_sdks_own_error(
    start: Start, sdk: Sdk, wrong: dict[str, Any], error: type[openai.APIStatusError], named: tuple[str, str]
) -> None:
    client = sdk(await start())
    with pytest.raises(error) as caught:
        await client.audio.speech.create(**{"model": "tts-1", "voice": "joe", "input": TEXT, **wrong})
    assert (caught.value.code, caught.value.param) == named
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id


async def test_a_key_of_the_server_is_the_sdks_api_key(start: Start, tmp_path: Path) -> None:
    key, other = create(tmp_path, "app"), create(tmp_path, "metrics", ["observe"])
    client = await start()
    speech = {"model": "tts-1", "voice": "joe", "input": TEXT}

    async def spoken(api_key: str) -> bytes:
        async with AsyncOpenAI(base_url=f"{client.url}/v1", api_key=api_key) as sdk:
            return (await sdk.audio.speech.create(**speech)).content

    assert await spoken(key)
    for wrong in (unknown(), "none"):
        with pytest.raises(openai.AuthenticationError) as refused:
            await spoken(wrong)
        assert (refused.value.code, refused.value.type) == ("invalid_api_key", "invalid_request_error")
        assert wrong not in str(refused.value)
    with pytest.raises(openai.PermissionDeniedError, match="scope speak") as forbidden:
        await spoken(other)
    assert forbidden.value.code == "insufficient_scope"
    with pytest.raises(openai.AuthenticationError) as missing:
        async with AsyncOpenAI(base_url=f"{client.url}/v1", api_key="x") as sdk:
            await sdk.audio.speech.create(**speech, extra_headers={"Authorization": openai.Omit()})
    assert missing.value.code == "missing_api_key"


async def test_the_sdk_comes_again_when_it_was_told_to(
    start: Start, sdk: Sdk, caplog: pytest.LogCaptureFixture
) -> None:
    provider = HummingProvider()
    client = await start(provider, max_in_flight=1)
    provider.gate.clear()
    inside = asyncio.create_task(client.tts({"text": "hi"}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    with caplog.at_level("INFO", logger="openai"):
        asked = asyncio.create_task(sdk(client).audio.speech.create(model="tts-1", voice="joe", input=TEXT))
        await client.until(lambda s: s["rejected_requests"] == 1)
        async with client.session.post(f"{client.url}/tts", json={"text": "hi"}) as refused:
            assert refused.status == 429
            after = float(refused.headers["Retry-After"])
        provider.gate.set()
        assert (await asked).content
    await inside
    assert [float(found) for found in re.findall(r"Retrying request in (\S+) seconds", caplog.text)] == [after]


async def events(client: AsyncOpenAI, **body: Any) -> list[dict[str, Any]]:
    """What stream_format "sse" gives; the SDK for Python leaves it to its user to read."""
    found = []
    async with client.audio.speech.with_streaming_response.create(
        **{"model": "tts-1", "voice": "joe", "input": TEXT, "stream_format": "sse", **body}
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.iter_lines():
            if line:
                assert line.startswith("data: ")
                found.append(json.loads(line.removeprefix("data: ")))
    return found


@pytest.mark.parametrize("response_format", ["mp3", "pcm", "opus"])
async def test_events_carry_the_same_audio_and_what_it_took(start: Start, sdk: Sdk, response_format: str) -> None:
    client = await start()
    *deltas, done = await events(sdk(client), response_format=response_format)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    create = sdk(client).audio.speech.create
    assert audio == (await create(model="tts-1", voice="joe", input=TEXT, response_format=response_format)).content
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["input_tokens"] == 5
    assert usage["output_tokens"] == round(20 * 0.065 * len("Hello there How are you?"))
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_an_event_tells_of_a_failure(start: Start, sdk: Sdk) -> None:
    client = await start(failing(EngineFailed("the speech engine failed"), after=1))
    *deltas, last = await events(sdk(client), response_format="pcm")
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert last == {
        "type": "speech.audio.error",
        "error": {
            "message": "the speech engine failed",
            "type": "server_error",
            "param": None,
            "code": "engine_failed",
        },
    }
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert summary["failed_requests"] == 1


async def test_a_failure_before_the_first_event_is_an_answer(start: Start, sdk: Sdk) -> None:
    client = await start(failing(EngineFailed("the speech engine failed")))
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk(client, max_retries=0).audio.speech.create(
            model="tts-1", voice="joe", input=TEXT, stream_format="sse"
        )
    assert caught.value.code == "engine_failed"


async def test_models_are_listed_and_found(start: Start, sdk: Sdk) -> None:
    client = sdk(await start())
    names = [model.id async for model in client.models.list()]
    assert "tts-1" in names
    assert (await client.models.retrieve("gpt-4o-mini-tts")).owned_by == "ttscope"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nobody")
    assert caught.value.code == "unknown_model"


async def test_open_webui_finds_voices_and_models(start: Start) -> None:
    # As its get_available_voices and get_available_models read them.
    client = await start()
    voices = {voice["id"]: voice["name"] for voice in (await client.json("/v1/audio/voices"))["voices"]}
    assert voices == {"joe": "joe", "kan": "kan"}
    models = (await client.json("/v1/audio/models"))["models"]
    assert {"tts-1", "tts-1-hd"} <= {model["id"] for model in models}


async def javascript_says(folder: Path, client: Client, task: str, file: Path | str = "") -> dict[str, Any]:
    command = ["node", "speak.mjs", task, f"{client.url}/v1", str(file)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@shows("OpenAI", "npm openai", "whole text")
async def test_javascript_hears_it_whole_and_as_it_comes(start: Start, javascript: Path, tmp_path: Path) -> None:
    client = await start()
    said = await javascript_says(javascript, client, "whole", tmp_path / "whole.mp3")
    assert said == {"type": "audio/mpeg", "ignored": None}
    said = await javascript_says(javascript, client, "stream", tmp_path / "stream.mp3")
    assert said["ignored"] == "instructions"
    assert (tmp_path / "whole.mp3").read_bytes() == (tmp_path / "stream.mp3").read_bytes()
    assert seconds(tmp_path / "whole.mp3") == pytest.approx(0.065 * 24, abs=0.1)


@shows("OpenAI", "npm openai", "interruption")
async def test_javascript_interrupts(start: Start, javascript: Path) -> None:
    client = await start(SlowProvider())
    result = await javascript_says(javascript, client, "interrupted", LONG)
    assert result["first"] > 0
    assert result["aborted"]
    await client.until(lambda summary: summary["requests_in_flight"] == 0)
    assert samples(await client.prometheus(), "tts_requests_total", outcome="cancelled") == [1]


async def test_javascript_finds_its_own_errors_and_models(start: Start, javascript: Path) -> None:
    client = await start()
    assert await javascript_says(javascript, client, "refused") == {
        "name": "NotFoundError",
        "status": 404,
        "code": "unknown_voice",
        "param": "voice",
    }
    assert "tts-1" in (await javascript_says(javascript, client, "models"))["found"]


async def test_javascript_comes_again_when_it_was_told_to(start: Start, javascript: Path) -> None:
    provider = HummingProvider()
    client = await start(provider, max_in_flight=1)
    provider.gate.clear()
    inside = asyncio.create_task(client.tts({"text": "hi"}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    asked = asyncio.create_task(javascript_says(javascript, client, "retry"))
    await client.until(lambda s: s["rejected_requests"] == 1)
    provider.gate.set()
    first, second = (await asked)["seen"]
    await inside
    assert (first["status"], second["status"]) == (429, 200)
    assert second["at"] - first["at"] >= 1000 * float(first["after"])
