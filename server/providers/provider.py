"""The seam between the server and whatever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from server.speech import Chunk, Utterance, Voice


class Provider(Protocol):
    """Something that turns utterances into audio."""

    name: str

    def voices(self) -> tuple[Voice, ...]:
        """The voices it can speak with."""
        ...

    def load_seconds(self) -> dict[str, float]:
        """How long each voice's model took to load and warm up, by voice name; empty before ``start`` ends."""
        ...

    async def start(self) -> None:
        """Loads the models and speaks once with each; the provider is ready when this returns.

        Raises EngineFailed when no voice can be loaded.
        """
        ...

    def speak(self, utterance: Utterance) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order. Pulling a chunk starts work on it; closing the generator abandons the rest.

        Raises NothingToSpeak, TextTooLong or EngineFailed, the first two before any chunk.
        """
        ...

    async def close(self) -> None:
        """Ends the work at hand and gives everything back."""
        ...
