"""A humming provider that says when each word is hummed, for tests of times that need no voice."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import replace

from server.utterance import Ability, Chunk, Listener, Utterance, Word
from tests.humming_provider import HummingProvider

TAIL = 0.1
"""The share of each sentence's audio that is silence after its words."""


class TimedHummingProvider(HummingProvider):
    """Hums each sentence in two chunks; its words are timed with the first, evenly, up to the silence at its end."""

    abilities = frozenset({Ability.WORD_TIMES})

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        begin = 0.0
        sentences = (each for each in re.findall(r"[^.]+\.*", utterance.text) if each.rstrip(".").strip())
        async for chunk in super().speak(utterance, listener):
            words = evenly(next(sentences).split(), begin, chunk.seconds * (1 - TAIL))
            begin += chunk.seconds
            half = len(chunk.samples) // 2
            yield replace(chunk, samples=chunk.samples[:half], words=words if utterance.timed else ())
            yield Chunk(chunk.samples[half:], chunk.sample_rate)


def evenly(written: list[str], begin: float, seconds: float) -> tuple[Word, ...]:
    """Returns words that share a time from ``begin`` on."""
    share = seconds / len(written)
    return tuple(Word(each, begin + n * share, begin + (n + 1) * share) for n, each in enumerate(written))
