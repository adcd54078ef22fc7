"""From an utterance to chunks of audio, marked on the observation as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.errors import DeadlineExceeded, NotReady
from server.observation import Observation
from server.providers.provider import BatchObserver, Provider
from server.speech import Chunk, Listener, Utterance, Voice

START_SECONDS = 10
"""What a client is told to wait while models load."""


class Synthesizer:
    """Speaks with a provider once that is ready."""

    def __init__(self, provider: Provider, deadline_seconds: float) -> None:
        """``deadline_seconds`` is how long a whole answer may take, or a stream's first audio."""
        self._provider = provider
        self._deadline_seconds = deadline_seconds
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

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio the utterance will be."""
        return self._provider.estimate(utterance)

    @property
    def rate(self) -> float:
        """Seconds of audio that are made in a second, as measured of late."""
        return self._provider.rate

    @property
    def depth(self) -> int:
        """Requests that wait for their turn."""
        return self._provider.depth

    @property
    def audio_seconds(self) -> float:
        """Of audio that was asked for and is not made."""
        return self._provider.audio_seconds

    async def start(self, observe: BatchObserver) -> None:
        """Loads and warms up. Raises EngineFailed if nothing can speak."""
        await self._provider.start(observe)
        self._ready = True

    async def lost(self) -> Exception:
        """Returns when nothing can be spoken any more and never will; from then on it is not ready."""
        error = await self._provider.lost()
        self._ready = False
        return error

    async def stop(self) -> None:
        self._ready = False
        await self._provider.close()

    async def speak(
        self, utterance: Utterance, observation: Observation, listener: Listener
    ) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order; closing the generator gives the rest up.

        Raises NotReady, NothingToSpeak, TextTooLong before any chunk, EngineFailed at any time, DeadlineExceeded when a
        whole answer, or a stream's first chunk, was not ready in time.
        """
        if not self._ready:
            raise NotReady("the voices are still being loaded", retry_after=START_SECONDS)
        observation.provider = self._provider.name
        deadline: float | None = asyncio.get_running_loop().time() + self._deadline_seconds
        async with aclosing(self._provider.speak(utterance, listener)) as chunks:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise DeadlineExceeded(
                        f"the audio was not ready within {self._deadline_seconds:g} seconds"
                    ) from None
                if listener.streamed:
                    deadline = None
                observation.mark_chunk(chunk)
                yield chunk
