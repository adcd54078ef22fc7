"""Has a real provider say something, and listens."""

from __future__ import annotations

import numpy as np

from server.providers.provider import Provider
from server.utterance import Chunk, Listener, Utterance
from tests.recognition import errors, recognise, words

WHOLE = Listener()
TEXTS = (
    "Speech synthesis has improved a great deal, but it is still far from perfect.",
    "Please call Stella, and ask her to bring these things with her from the store.",
    "Why should anyone wait for an answer when the question itself was never asked?",
    "It was the best of times, it was the worst of times.",
    "All happy families are alike, but every unhappy family is unhappy in its own way.",
    "The old man walked slowly along the river bank and watched the boats.",
    "Children played near the bridge, and a cold wind began to blow from the hills.",
    "She opened the letter with great care and read it twice before she spoke.",
)
THREE = "This is one. And this is two! Is that all?"


def utterance(provider: Provider, text: str, speed: float = 1.0) -> Utterance:
    return Utterance(text, provider.voices()[0], "en", len(text.split()), len(text), speed)


async def say(provider: Provider, text: str, speed: float = 1.0, listener: Listener = WHOLE) -> list[Chunk]:
    return [chunk async for chunk in provider.speak(utterance(provider, text, speed), listener)]


def joined(chunks: list[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks])


def word_error_rate(said: list[tuple[str, list[Chunk]]]) -> float:
    wrong = sum(errors(words(text), recognise(joined(chunks), chunks[0].sample_rate)) for text, chunks in said)
    return wrong / sum(len(words(text)) for text, _ in said)
