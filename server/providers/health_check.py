"""Checks a provider with a known word."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.audio.quality import Inspector
from server.errors import EngineFailed
from server.providers.pace import WARM_UP
from server.providers.provider import Provider
from server.utterance import Chunk, Listener, Utterance, Voice


def known_word(voice: Voice) -> Utterance:
    """Returns a word that every voice can speak."""
    return Utterance(WARM_UP[0], voice, voice.languages[0], words=1, characters=len(WARM_UP[0]))


async def check_speech(provider: Provider, voice: Voice) -> None:
    """Makes ``provider`` speak a known word with ``voice``, and judges and drops the audio.

    Raises the errors of the provider, and EngineFailed when the audio is silent or far too short.
    """
    utterance = known_word(voice)
    await check_audio(utterance, provider.speak(utterance, Listener(client=provider.name)))


async def check_audio(utterance: Utterance, speech: AsyncGenerator[Chunk, None]) -> None:
    """Judges the audio of a short utterance. Raises the errors of ``speech``, and EngineFailed for unusable audio."""
    inspector = Inspector(utterance)
    async with aclosing(speech) as chunks:
        async for chunk in chunks:
            inspector.add(chunk.samples, chunk.sample_rate)
            if chunk.expected is not None:
                inspector.expect(chunk.expected, chunk.spoken_text)
    if not inspector.verdict().usable:
        raise EngineFailed("the speech engine made audio of a known word that is silent or far too short")
