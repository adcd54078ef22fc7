"""The events in which an API streams speech: what each of its forms must be able to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from server.errors import SpeechError
from server.record import RequestRecord
from server.utterance import Chunk, Word


@dataclass(slots=True)
class ChunkTimes:
    """The times of chunks whose audio is not sent yet."""

    words: list[Word] = field(default_factory=list)
    """The words that are timed with them."""
    synthesis_seconds: float = 0.0
    """The real time of making them."""

    def add(self, chunk: Chunk) -> None:
        """Adds a chunk."""
        self.words += chunk.words
        self.synthesis_seconds += chunk.synthesis_seconds

    def clear(self) -> None:
        """Forgets the chunks, since their audio is sent."""
        self.words.clear()
        self.synthesis_seconds = 0.0


class EventFormat(Protocol):
    """One API's events of streamed speech."""

    @property
    def content_type(self) -> str:
        """The content type of the response."""
        ...

    def audio(self, data: bytes, times: ChunkTimes) -> bytes:
        """Returns the events with a piece of the audio and what is known of its chunks."""
        ...

    def completed(self, record: RequestRecord) -> bytes:
        """Returns the last events of complete audio."""
        ...

    def failure(self, error: SpeechError, record: RequestRecord) -> bytes:
        """Returns the last event of incomplete audio; none to cut the connection instead."""
        ...
