"""A provider that takes its time with one text, so that a test can interrupt it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from server.utterance import Chunk, Listener, Utterance
from tests.timed_humming_provider import TimedHummingProvider

LONG = "This goes on for ever and ever. It says the same for ever and ever. " * 4
"""A text that is hummed for 15 s, in a minute."""
PIECE, PAUSE = 0.01, 0.04
"""Seconds of its chunks, and between them."""


class SlowProvider(TimedHummingProvider):
    """Hums all texts at once, but for LONG."""

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().speak(utterance, listener)) as chunks:
            async for chunk in chunks:
                if "for ever and ever" not in utterance.text:
                    yield chunk
                    continue
                size = round(PIECE * chunk.sample_rate)
                yield replace(chunk, samples=chunk.samples[:size])
                for at in range(size, len(chunk.samples), size):
                    await asyncio.sleep(PAUSE)
                    yield Chunk(chunk.samples[at : at + size], chunk.sample_rate)
