"""Clips that are recognised before they are sent, and made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import numpy as np
import pytest

from otel.contract.recognition_values import VerificationResult
from server.errors import InvalidRequest, QueueFull
from server.record import Synthesis
from server.routes.requests import parse_tts
from server.utterance import Chunk, Samples, Utterance
from server.verification import recognisers, verifier
from server.verification.recognisers import POCKETSPHINX, WHISPER
from server.verification.recognition import RecognitionFailed
from server.verification.verifier import LONGEST_SECONDS, Verifier
from server.verification.word_errors import WordErrors, compare
from tests.humming_provider import JOE

WORDS = "one two three four five six seven eight"
UTTERANCE = Utterance(WORDS, JOE, "en-us", 8, len(WORDS))
SOUND, ONE_MISSING, DROPPED, REPEATED, NOISE = (
    WORDS,
    "one two three five six seven eight",
    "one two six seven eight",
    f"{WORDS} six seven eight",
    "one in a then what",
)
PASSED, CORRECTED, FAILED, UNVERIFIED = VerificationResult


class Maker:
    """Makes clips whose first sample is their number, and says of each what is heard in it."""

    def __init__(self, *heard: str | Exception) -> None:
        self.heard, self.made = heard, 0
        self.errors: dict[int, Exception] = {}
        """What making a clip raises, by its number."""

    async def open(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        self.made += 1
        if self.made in self.errors:
            raise self.errors[self.made]
        synthesis.provider, synthesis.seed = f"provider {self.made}", 10 + synthesis.take
        for _ in range(2):
            yield Chunk(np.full(10, self.made, np.float32), 1000)

    def recognise(self, utterance: Utterance, samples: Samples, rate: int) -> WordErrors:
        assert (len(samples), rate) == (20, 1000)
        heard = self.heard[int(samples[0]) - 1]
        if isinstance(heard, Exception):
            raise heard
        return compare(WORDS.split(), heard.split())


Verified = tuple[Synthesis, int]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    monkeypatch.setattr(recognisers, "installed", lambda: WHISPER)

    async def verify(maker: Maker, attempts: int = 3, seconds: float = 60.0) -> Verified:
        monkeypatch.setattr(verifier, "recognise", maker.recognise)
        synthesis = Synthesis(UTTERANCE, verify=True, deadline=asyncio.get_running_loop().time() + seconds)
        async with aclosing(Verifier(attempts).speak(synthesis, maker.open)) as chunks:
            numbers = [int(chunk.samples[0]) for chunk in [chunk async for chunk in chunks]]
        assert len(numbers) == 2
        assert len(set(numbers)) == 1
        assert synthesis.provider == f"provider {numbers[0]}"
        assert synthesis.seed == 9 + numbers[0]
        return synthesis, numbers[0]

    return verify


@pytest.mark.parametrize(
    ("heard", "result", "sent", "made"),
    [
        ((SOUND,), PASSED, 1, 1),
        ((ONE_MISSING,), PASSED, 1, 1),
        ((DROPPED, SOUND), CORRECTED, 2, 2),
        ((REPEATED, DROPPED, SOUND), CORRECTED, 3, 3),
        ((NOISE, SOUND), CORRECTED, 2, 2),
        (("", ONE_MISSING), CORRECTED, 2, 2),
        ((NOISE, REPEATED, NOISE), FAILED, 2, 3),
        ((RecognitionFailed("ended"),), UNVERIFIED, 1, 1),
        ((DROPPED, RecognitionFailed("ended")), FAILED, 1, 2),
    ],
    ids=str,
)
async def test_a_clip_is_made_until_its_words_are_there(
    verified: Callable[..., object], heard: tuple[str, ...], result: VerificationResult, sent: int, made: int
) -> None:
    maker = Maker(*heard)
    synthesis, number = await verified(maker)  # type: ignore[misc]
    assert (synthesis.verification, number, maker.made) == (result, sent, made)
    last = heard[sent - 1]
    expected = None if isinstance(last, Exception) else compare(WORDS.split(), last.split()).rate
    assert synthesis.word_error_rate == expected
    assert synthesis.verification_seconds > 0


async def test_no_clip_is_made_for_which_there_is_no_time(verified: Callable[..., object]) -> None:
    maker = Maker(DROPPED, SOUND)
    synthesis, number = await verified(maker, seconds=1e-4)  # type: ignore[misc]
    assert (number, maker.made) == (1, 1)
    assert synthesis.verification in (FAILED, UNVERIFIED)


async def test_the_first_clip_is_sent_if_no_other_can_be_made(verified: Callable[..., object]) -> None:
    maker = Maker(DROPPED)
    maker.errors[2] = QueueFull("full", retry_after=1)
    synthesis, number = await verified(maker)  # type: ignore[misc]
    assert (synthesis.verification, number, maker.made) == (FAILED, 1, 2)


async def test_an_error_of_the_first_clip_is_the_request_s(verified: Callable[..., object]) -> None:
    maker = Maker()
    maker.errors[1] = QueueFull("full", retry_after=1)
    with pytest.raises(QueueFull):
        await verified(maker)  # type: ignore[misc]


async def test_a_smaller_recogniser_is_allowed_more(
    verified: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognisers, "installed", lambda: POCKETSPHINX)
    two_missing = "one two five six seven eight"
    synthesis, _ = await verified(Maker(two_missing))  # type: ignore[misc]
    assert synthesis.verification is PASSED


def test_what_can_not_be_verified_is_refused_by_the_field_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "installed", lambda: WHISPER)
    Verifier(3).require(UTTERANCE, LONGEST_SECONDS)
    with pytest.raises(InvalidRequest, match=r"verify: only speech of up to 300 seconds can be") as refused:
        Verifier(3).require(UTTERANCE, LONGEST_SECONDS + 1)
    assert refused.value.param == "verify"
    monkeypatch.setattr(verifier, "installed", lambda: None)
    with pytest.raises(InvalidRequest, match=r"verify: this server has no recogniser: install its extra verify"):
        Verifier(3).require(UTTERANCE, 1.0)


@pytest.mark.parametrize("field", ["verify", "loudness"])
def test_a_stream_can_not_have_what_is_of_a_whole(field: str) -> None:
    value = {"verify": "true", "loudness": "-16"}[field]
    with pytest.raises(InvalidRequest, match=rf"^{field} can't be had of a stream: ") as refused:
        parse_tts(f'{{"text": "One.", "stream": true, "{field}": {value}}}'.encode())
    assert refused.value.param == field
