"""A word, spoken to find out whether somebody can speak."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.audio.quality import Inspector
from server.errors import EngineFailed
from server.providers.pace import WARM_UP
from server.providers.provider import Provider
from server.utterance import Chunk, Listener, Utterance, Voice


def known_word(voice: Voice) -> Utterance:
    """A word that every voice can say."""
    return Utterance(WARM_UP[0], voice, voice.languages[0], words=1, characters=len(WARM_UP[0]))


async def say_a_word(provider: Provider, voice: Voice) -> None:
    """Has ``provider`` speak with one of its voices, and drops the audio.

    Raises what it raises, and EngineFailed when the audio is silent or far too short.
    """
    utterance = known_word(voice)
    await listen(utterance, provider.speak(utterance, Listener(client=provider.name)))


async def listen(utterance: Utterance, speech: AsyncGenerator[Chunk, None]) -> None:
    """Judges the audio of a short utterance. Raises what ``speech`` raises, and EngineFailed for unusable audio."""
    inspector = Inspector(utterance)
    async with aclosing(speech) as chunks:
        async for chunk in chunks:
            inspector.add(chunk.samples, chunk.sample_rate)
            if chunk.expected is not None:
                inspector.expect(chunk.expected, chunk.said)
    if not inspector.verdict().usable:
        raise EngineFailed("the speech engine made audio of a known word that is silent or far too short")
