"""A provider that hums, and says when it hums each word: evenly, within each sentence."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from server.utterance import Ability, Chunk, Listener, Utterance, Word
from tests.humming_provider import HummingProvider


class TimedProvider(HummingProvider):
    """Hums with the times of words."""

    abilities = frozenset({Ability.WORD_TIMES})

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        written = iter(utterance.text.split())
        start = 0.0
        async with aclosing(super().speak(utterance, listener)) as chunks:
            for sentence in filter(str.strip, utterance.text.split(".")):
                chunk = await anext(chunks)
                seconds = chunk.seconds / len(sentence.split())
                starts = [start + number * seconds for number in range(len(sentence.split()))]
                words = [Word(next(written), each, each + seconds) for each in starts]
                yield replace(chunk, words=tuple(words))
                start += chunk.seconds
