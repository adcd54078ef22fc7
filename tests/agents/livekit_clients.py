"""LiveKit's plugins: a whole text, a text word by word, an interruption, and the times of words."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

import aiohttp
from livekit.agents import APIConnectOptions
from livekit.agents.tts import TTS, SynthesizedAudio
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from livekit.plugins import cartesia, deepgram, elevenlabs, openai

ONCE = APIConnectOptions(max_retry=0, timeout=60.0)
"""A failure is no reason to try again."""


async def heard(speech: AsyncIterable[SynthesizedAudio]) -> tuple[bytes, list[Any]]:
    """Returns the samples of a speech, of 16 bits, and its words with their times in seconds."""
    audio: bytes = b""
    words: list[Any] = []
    async for part in speech:
        audio += bytes(part.frame.data)
        timed = part.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, [])
        words += [[str(word), word.start_time, word.end_time] for word in timed]
    return audio, words


async def whole(client: TTS, text: str) -> bytes:
    async with client.synthesize(text, conn_options=ONCE) as speech:
        return (await heard(speech))[0]


async def in_pieces(client: TTS, text: str) -> dict[str, Any]:
    """Speaks a text word by word, as an agent's reply is written."""
    async with client.stream(conn_options=ONCE) as stream:
        for word in text.split():
            stream.push_text(f"{word} ")
        stream.end_input()
        audio, words = await heard(stream)
    return {"pieces": audio, "words": words}


async def interrupt(client: TTS, long: str) -> None:
    """Speaks a text up to its first audio, as a session whose user begins to speak."""
    if client.capabilities.streaming:
        stream = client.stream(conn_options=ONCE)
        stream.push_text(long)
        stream.flush()
        speech: Any = stream
    else:
        speech = client.synthesize(long, conn_options=ONCE)
    async for _ in speech:
        break
    await speech.aclose()


async def results(client: TTS, text: str, long: str) -> dict[str, Any]:
    """Returns all that a client gets, as samples at its own rate."""
    found: dict[str, Any] = {"rate": client.sample_rate, "whole": await whole(client, text)}
    if client.capabilities.streaming:
        found |= await in_pieces(client, text)
    await interrupt(client, long)
    if client.capabilities.streaming:
        found["after_interruption"] = (await in_pieces(client, text))["pieces"]
    else:
        found["after_interruption"] = await whole(client, text)
    await client.aclose()
    return found


async def all_of_them(url: str, text: str, long: str) -> dict[str, dict[str, Any]]:
    """Returns the results by the names of the plugins. Only the address and the voice are given."""
    async with aiohttp.ClientSession() as session:
        clients: dict[str, TTS] = {
            "cartesia": cartesia.TTS(api_key="none", base_url=f"{url}/cartesia", voice="joe", http_session=session),
            "deepgram": deepgram.TTS(
                api_key="none", base_url=f"{url}/deepgram/v1/speak", model="joe", http_session=session
            ),
            "elevenlabs": elevenlabs.TTS(
                api_key="none", base_url=f"{url}/elevenlabs/v1", voice_id="joe", http_session=session
            ),
            "openai": openai.TTS(api_key="none", base_url=f"{url}/v1", voice="joe", response_format="pcm"),
        }
        found = {name: await results(client, text, long) for name, client in clients.items()}
        mp3 = openai.TTS(api_key="none", base_url=f"{url}/v1")
        found["openai"]["whole"] = await whole(mp3, text)
        await mp3.aclose()
    return found
