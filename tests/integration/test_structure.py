"""The real voice pauses where a text has structure, and captions of Markdown have the words as written."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from server.errors import InvalidMarkup, NothingToSpeak
from server.text.script import ScriptParser
from tests.http_calls import post, speak

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUIET = 0.02
"""The share of the loudest sample below which a sample is near silence: 34 dB less."""
PAUSE = 0.25
CHAT = """\
# Two things to **do**

Go to the [market](https://example.com/market?q=1) (happy) and buy:

- fresh `bread`
- *two* eggs

| Name | Age |
|------|----:|
| Anna | 45 |

```
Then come home.
```
"""
WORDS = "Two things to do Go to the market and buy: fresh bread two eggs Name Age Anna 45 Then come home."


def samples_of(audio: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(audio)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float), file.getframerate()


def quiet_stretches(samples: np.ndarray, rate: int) -> list[float]:
    """The seconds of each near silence between sounds, the longest first."""
    loud = np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max())
    return sorted(np.diff(loud) / rate, reverse=True)


async def stretches(url: str, text: str, **body: object) -> list[float]:
    status, _, audio = await asyncio.to_thread(speak, url, text, cache=False, **body)
    assert status == 200, audio
    return quiet_stretches(*samples_of(audio))


@pytest.mark.parametrize(
    ("text", "body", "pauses"),
    [
        ("Chapter One\n\nIt was raining", {}, 1),
        ("Buy these\n- milk\n- fresh bread\n- eggs", {}, 3),
        ("Anna Miller\n12 Elm Road\nLondon", {}, 2),
        ("# Chapter One\nIt was raining", {"input_type": "markdown"}, 1),
        ("| Anna | Robert |\n|---|---|\n| milk | bread |", {"input_type": "markdown"}, 3),
        ("Chapter One\nIt was raining", {}, 0),
        ("It was raining\nin the old town", {"input_type": "markdown"}, 0),
    ],
)
async def test_the_voice_pauses_between_blocks(server_url: str, text: str, body: dict[str, Any], pauses: int) -> None:
    quiet = await stretches(server_url, text, **body)
    assert [seconds >= PAUSE for seconds in quiet[: pauses + 1]] == [True] * pauses + [False]


async def test_a_pause_is_in_a_stream_too(server_url: str) -> None:
    status, _, audio = await asyncio.to_thread(
        speak, server_url, "Chapter One\n\nIt was raining", stream=True, response_format="pcm", cache=False
    )
    assert status == 200
    assert quiet_stretches(np.frombuffer(audio, "<i2").astype(float), 24_000)[0] >= PAUSE


async def test_captions_have_the_words_as_written(server_url: str) -> None:
    status, _, answer = await asyncio.to_thread(speak, server_url, CHAT, input_type="markdown", timestamps=True)
    assert status == 200
    words = json.loads(answer)["timestamps"]
    assert " ".join(word["word"] for word in words) == WORDS
    samples, rate = samples_of(base64.b64decode(json.loads(answer)["audio"]))
    for before, after in pairwise(words):
        assert before["start_time"] <= before["end_time"] <= after["start_time"] <= len(samples) / rate
    gaps = {before["word"]: after["start_time"] - before["end_time"] for before, after in pairwise(words)}
    assert all(gaps[word] >= PAUSE for word in ("do", "buy:", "bread", "eggs", "Name", "Age", "Anna", "45"))
    assert all(gaps[word] < PAUSE for word in ("things", "market", "fresh", "come"))


async def test_openai_clients_may_send_markdown(server_url: str) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": CHAT, "input_type": "markdown", "response_format": "wav"}
    status, headers, _ = await asyncio.to_thread(post, f"{server_url}/v1/audio/speech", body)
    assert status == 200
    assert headers["X-TTS-Word-Count-Range"] == "11-25"
    assert headers["X-TTS-Character-Count-Range"] == "51-100"


async def test_the_cache_knows_the_structure(server_url: str) -> None:
    async def result(text: str, **body: object) -> str:
        _, headers, _ = await asyncio.to_thread(speak, server_url, text, **body)
        return headers["X-TTS-Cache"]

    assert await result("A structured\n\ntext for the cache") == "miss"
    assert await result("A structured text for the cache") == "miss"
    assert await result("(happy) A **structured**\n\n\ntext for the cache") == "hit"
    assert await result("A structured\n\ntext for the *cache*", input_type="markdown") == "hit"
    assert await result("(WHO) A structured\n\ntext for the cache") == "miss"


HOSTILE: dict[str, Callable[[int], str]] = {
    "stars": lambda size: "*" * size,
    "stars and letters": lambda size: "*a **b" * (size // 6),
    "quotes": lambda size: "> " * (size // 2 - 1) + "a",
    "lists": lambda size: "- " * (size // 2 - 1) + "a",
    "indented lists": lambda size: "".join(f"{'  ' * level}- a\n" for level in range(60)),
    "links": lambda size: "[" * (size // 2) + "](" * (size // 4),
    "images": lambda size: "![" * (size // 2),
    "references": lambda size: "[a]: b\n" * (size // 8) + "[a]" * 10,
    "table": lambda size: "|" * 100 + "\n" + "|-" * 100 + "\n" + "|" * (size - 400),
    "html": lambda size: "<a " * (size // 3),
    "comments": lambda size: "<!--" * (size // 4),
    "entities": lambda size: "&#x" * (size // 3),
    "backticks": lambda size: "`a" * (size // 2),
    "fence": lambda size: "```" + "a" * (size // 40),
    "escapes": lambda size: "\\" * (size // 2),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_markdown_is_spoken_or_refused(server_url: str, make: Callable[[int], str]) -> None:
    """The whole way with as much as is spoken soon; of longer texts only the parsing."""
    status, _, answer = await asyncio.to_thread(speak, server_url, make(100), input_type="markdown")
    if status != 200:
        error = json.loads(answer)["error"]
        assert (status, error["code"]) in {(422, "nothing_to_speak"), (422, "invalid_markup")}
    with suppress(InvalidMarkup, NothingToSpeak):
        assert ScriptParser().parse(make(5000), "markdown", "en").text
