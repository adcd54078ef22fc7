"""A word, spoken to find out whether somebody can speak."""

from __future__ import annotations

from contextlib import aclosing

from server.providers.pace import WARM_UP
from server.providers.provider import Provider
from server.speech import Listener, Utterance, Voice


async def say_a_word(provider: Provider, voice: Voice) -> None:
    """Has ``provider`` speak with one of its voices, and drops the audio. Raises what it raises."""
    utterance = Utterance(WARM_UP[0], voice, voice.languages[0], words=1, characters=len(WARM_UP[0]))
    async with aclosing(provider.speak(utterance, Listener(client=provider.name))) as chunks:
        async for _ in chunks:
            pass
