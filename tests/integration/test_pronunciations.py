"""The real voice says what is ordered, in letters and in phonemes; captions keep what is written."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from typing import Any

import numpy as np
import pytest

from tests.http_calls import post, speak
from tests.recognition import recognise

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCE = "There were blorf people in the garden, and blorf of them sang."
MEANT = "There were seventeen people in the garden, and seventeen of them sang."
ORDERS = [{"text": "blorf", "ipa": "/ˌsɛvənˈtiːn/"}, {"text": "blorf", "say": "seventeen"}]


async def call(url: str, text: str, **body: object) -> tuple[int, dict[str, str], bytes]:
    return await asyncio.to_thread(speak, url, text, **body)


def heard(audio: bytes) -> list[str]:
    with wave.open(io.BytesIO(audio)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        return recognise(samples, file.getframerate())


@pytest.mark.parametrize("order", ORDERS, ids=["ipa", "say"])
async def test_what_is_ordered_is_heard(server_url: str, order: dict[str, str]) -> None:
    status, _, meant = await call(server_url, MEANT)
    assert status == 200
    status, headers, audio = await call(server_url, SENTENCE, pronunciations=[order])
    assert status == 200
    assert headers["X-TTS-Word-Count-Range"] == "11-25"
    assert heard(meant).count("seventeen") == heard(audio).count("seventeen") == 2


async def test_ssml_gives_phonemes(server_url: str) -> None:
    word = '<phoneme alphabet="ipa" ph="ˌsɛvənˈtiːn">blorf</phoneme>'
    markup = f"<speak>{SENTENCE.replace('blorf', word)}</speak>"
    status, _, audio = await call(server_url, markup, input_type="ssml")
    assert status == 200
    assert heard(audio).count("seventeen") == 2


@pytest.mark.parametrize("order", ORDERS, ids=["ipa", "say"])
async def test_captions_keep_what_is_written(server_url: str, order: dict[str, str]) -> None:
    status, _, answer = await call(server_url, SENTENCE, pronunciations=[order], timestamps=True)
    assert status == 200
    stamps = json.loads(answer)["timestamps"]
    assert [each["word"] for each in stamps] == SENTENCE.split()
    lasting = {each["word"]: each["end_time"] - each["start_time"] for each in stamps}
    assert lasting["blorf"] > lasting["of"]


async def test_the_cache_knows_what_is_ordered(server_url: str) -> None:
    async def result(*orders: dict[str, Any], text: str = "A florb for the cache.") -> str:
        _, headers, _ = await call(server_url, text, pronunciations=orders)
        return headers["X-TTS-Cache"]

    unused = {"text": "never", "say": "x"}
    assert await result() == "miss"
    assert await result({"text": "florb", "ipa": "flˈʌb"}) == "miss"
    assert await result({"text": "florb", "ipa": "flˈɔb"}) == "miss"
    assert await result({"text": "FLORB", "ipa": "/ˈflɔb/"}, unused) == "hit"
    assert await result(unused) == "hit"


async def test_openais_call_takes_them_too(server_url: str) -> None:
    body = {"model": "m", "voice": "joe", "input": SENTENCE, "response_format": "wav", "pronunciations": ORDERS[:1]}
    status, _, _ = await asyncio.to_thread(post, f"{server_url}/v1/audio/speech", body)
    assert status == 200


async def test_a_wrong_order_is_refused_by_name(server_url: str) -> None:
    for order, problem in (
        (
            {"text": "x", "ipa": "1"},
            "pronunciations[0].ipa: U+0031 is not a symbol of the International Phonetic Alphabet",
        ),
        ({"text": "x"}, "pronunciations[0]: needs say or ipa"),
    ):
        status, _, answer = await call(server_url, "x", pronunciations=[order])
        assert status == 422
        error = json.loads(answer)["error"]
        assert (error["code"], error["param"], error["message"]) == ("invalid_request", "pronunciations", problem)
