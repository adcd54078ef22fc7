"""What the SDKs for Python do when a user interrupts: the engine is free, and the next text is spoken."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from elevenlabs import AsyncElevenLabs
from openai import AsyncOpenAI
from wyoming.audio import AudioChunk
from wyoming.tts import Synthesize

from tests.client_features import shows
from tests.hummed_speech import TEXT, judge
from tests.service_client import Client, Start, samples
from tests.slow_provider import LONG, SlowProvider
from tests.wyoming_client import room, say


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """A server; at its end nothing is spoken any more, and LONG was not spoken to its end."""
    client = await start(SlowProvider(), wyoming_port=0)
    yield client
    await client.until(lambda summary: summary["requests_in_flight"] == 0)
    assert sum(samples(await client.prometheus(), "tts_requests_total", outcome="cancelled")) == 1


@shows("OpenAI", "openai", "interruption")
async def test_openai(client: Client) -> None:
    async with AsyncOpenAI(base_url=f"{client.url}/v1", api_key="none") as sdk:
        speech = sdk.audio.speech.with_streaming_response
        for text in (LONG, TEXT):
            async with speech.create(model="tts-1", voice="joe", input=text, response_format="pcm") as response:
                if text is LONG:
                    assert await anext(response.iter_bytes(1000))
                else:
                    judge(await response.read(), 24_000)


@shows("ElevenLabs", "elevenlabs", "interruption")
async def test_elevenlabs(client: Client) -> None:
    speak = AsyncElevenLabs(base_url=f"{client.url}/elevenlabs", api_key="none").text_to_speech.stream
    interrupted = speak("joe", text=LONG, output_format="pcm_16000")
    assert await anext(interrupted)
    await interrupted.aclose()  # type: ignore[attr-defined]
    judge(b"".join([chunk async for chunk in speak("joe", text=TEXT, output_format="pcm_16000")]), 16_000)


@shows("Wyoming", "wyoming", "interruption")
async def test_wyoming(client: Client) -> None:
    async with room(client) as connection:
        await connection.write_event(Synthesize(LONG).event())
        while (event := await connection.read_event()) is not None and not AudioChunk.is_type(event.type):
            pass
        assert event is not None
    async with room(client) as connection:
        speech = await say(connection, TEXT)
        assert speech.start is not None
        judge(speech.audio, speech.start.rate)
