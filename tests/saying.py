"""Has a real provider say something, and listens."""

from __future__ import annotations

import numpy as np

from server.providers.provider import Provider
from server.speech import Chunk, Listener, Utterance
from tests.recognition import errors, recognise, words

WHOLE = Listener()


def utterance(provider: Provider, text: str, speed: float = 1.0) -> Utterance:
    return Utterance(text, provider.voices()[0], "en", len(text.split()), len(text), speed)


async def say(provider: Provider, text: str, speed: float = 1.0, listener: Listener = WHOLE) -> list[Chunk]:
    return [chunk async for chunk in provider.speak(utterance(provider, text, speed), listener)]


def joined(chunks: list[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks])


def word_error_rate(said: list[tuple[str, list[Chunk]]]) -> float:
    wrong = sum(errors(words(text), recognise(joined(chunks), chunks[0].sample_rate)) for text, chunks in said)
    return wrong / sum(len(words(text)) for text, _ in said)
