"""The seam between the server and whatever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from server.speech import Chunk, Listener, Utterance, Voice

BatchObserver = Callable[[int, float], None]
"""Takes a batch's size, and the share of it that is padding."""


class Provider(Protocol):
    """Something that turns utterances into audio."""

    name: str

    def voices(self) -> tuple[Voice, ...]:
        """The voices it can speak with."""
        ...

    def load_seconds(self) -> dict[str, float]:
        """How long each voice's model took to load and warm up, by voice name; empty before ``start`` ends."""
        ...

    async def start(self, observe: BatchObserver) -> None:
        """Loads the models and speaks once with each; the provider is ready when this returns.

        ``observe`` is told of every batch that it works on, where it has any.

        Raises EngineFailed when no voice can be loaded.
        """
        ...

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio the utterance will be; at once, without work."""
        ...

    @property
    def rate(self) -> float:
        """Seconds of audio that it makes in a second, as measured of late."""
        ...

    @property
    def depth(self) -> int:
        """Requests that wait for their turn."""
        ...

    @property
    def audio_seconds(self) -> float:
        """Of audio that was asked for and is not made."""
        ...

    async def lost(self) -> Exception:
        """Returns when it is beyond help, and the process had better end."""
        ...

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order. Work begins with the first pull; closing the generator abandons the rest.

        Raises NothingToSpeak, TextTooLong or EngineFailed, the first two before any chunk.
        """
        ...

    async def close(self) -> None:
        """Ends the work at hand and gives everything back."""
        ...
