"""From an utterance to chunks of audio, marked on the observation as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.errors import NotReady
from server.observation import Observation
from server.providers.provider import Provider
from server.speech import Chunk, Utterance, Voice

START_SECONDS = 10
"""What a client is told to wait while models load."""


class Synthesizer:
    """Speaks with a provider once that is ready."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._ready = False

    @property
    def ready(self) -> bool:
        return self._ready

    def voices(self) -> dict[str, Voice]:
        """The voices that can be asked for, by name."""
        return {voice.name: voice for voice in self._provider.voices()}

    def load_seconds(self) -> dict[str, float]:
        """How long each model took to load and warm up, by the name of its voice."""
        return self._provider.load_seconds()

    async def start(self) -> None:
        """Loads and warms up. Raises EngineFailed if nothing can speak."""
        await self._provider.start()
        self._ready = True

    async def stop(self) -> None:
        self._ready = False
        await self._provider.close()

    async def speak(self, utterance: Utterance, observation: Observation) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order; work is done only while the next chunk is awaited.

        Raises NotReady, NothingToSpeak, TextTooLong before any chunk, EngineFailed at any time.
        """
        if not self._ready:
            raise NotReady("the voices are still being loaded", retry_after=START_SECONDS)
        observation.provider = self._provider.name
        async with aclosing(self._provider.speak(utterance)) as chunks:
            async for chunk in chunks:
                observation.mark_chunk(chunk)
                yield chunk
