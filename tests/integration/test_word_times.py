"""Times of words over sockets against what is heard: pauses by their energy, and a forced alignment."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import aiohttp
import numpy as np
import pytest

from tests.pauses import onsets_apart
from tests.recognition import when, words
from tests.socket_client import SocketClient
from tests.socket_doors import CARTESIA

RATE = 16_000
TEXT = (
    "She opened the door, looked around, and called his name. Nobody answered, so she went back to bed. "
    "In the morning, after breakfast, she took the train."
)
MOST = 0.05
"""Seconds."""
Timed = tuple[list[tuple[str, float, float]], bytes]
"""Words with when they begin and end, in seconds of the audio that follows: 16-bit samples."""


async def over_cartesia(socket: SocketClient) -> Timed:
    await socket.send(**CARTESIA, transcript=TEXT, add_timestamps=True)
    timed, audio = [], b""
    for message in await socket.until(type="done"):
        assert isinstance(message, dict)
        audio += base64.b64decode(message.get("data", ""))
        if message["type"] == "timestamps":
            times = message["word_timestamps"]
            timed += list(zip(times["words"], times["start"], times["end"], strict=True))
    return timed, audio


async def over_elevenlabs(socket: SocketClient) -> Timed:
    await socket.send(text=TEXT)
    await socket.send(text="")
    timed, audio, word, begin = [], b"", "", 0.0
    for message in await socket.rest():
        assert isinstance(message, dict)
        alignment = message["alignment"] or {"chars": [], "charStartTimesMs": [], "charDurationsMs": []}
        origin = len(audio) / 2 / RATE
        audio += base64.b64decode(message["audio"] or "")
        for character, start in zip(alignment["chars"], alignment["charStartTimesMs"], strict=True):
            if character == " " and word:
                timed.append((word, begin, origin + start / 1000))
                word = ""
            elif character != " ":
                begin = begin if word else origin + start / 1000
                word += character
    return timed, audio


DOORS: dict[str, Callable[[SocketClient], Awaitable[Timed]]] = {
    "/cartesia/tts/websocket": over_cartesia,
    f"/v1/text-to-speech/joe/stream-input?output_format=pcm_{RATE}": over_elevenlabs,
}


@pytest.mark.parametrize("path", DOORS)
async def test_words_are_where_they_are_heard(server_url: str, path: str) -> None:
    url = server_url.replace("http", "ws", 1) + path
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as opened:
        timed, audio = await DOORS[path](SocketClient(opened))
    assert [word for word, _, _ in timed] == TEXT.split()
    samples = np.frombuffer(audio, "<i2") / np.float32(32768)
    onsets = np.array(onsets_apart(timed, samples, RATE))
    aligned = np.array(
        [start - heard for (_, start, _), (heard, _) in zip(timed, when(samples, RATE, words(TEXT)), strict=True)]
    )
    mean, most = np.abs(onsets).mean(), np.abs(onsets).max()
    print(f"after {len(onsets)} pauses: {mean:.3f} s apart on average, {most:.3f} s at most")
    print(f"by alignment: {np.abs(aligned).mean():.3f} s on average, {np.percentile(np.abs(aligned), 95):.3f} at p95")
    assert len(onsets) >= 5
    assert np.abs(onsets).max() < MOST
    assert np.abs(aligned).mean() < MOST
