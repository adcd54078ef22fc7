"""A stretch of speech as the cache stores it: 16-bit samples, half the size of the engines' output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from server.audio.wav import floats, pcm16
from server.utterance import Chunk, Interval

SAMPLE_BYTES = 2
PIECE_SECONDS = 5
"""The seconds of audio in a chunk of a cached clip: converting and encoding it blocks the event loop for less than a
millisecond."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Mono audio in the form in which it is stored."""

    pcm: bytes
    """Samples as little-endian 16-bit integers."""
    sample_rate: int
    """Hz."""
    seed: int | None = None
    """The seed that makes it again; None if there is none."""

    @staticmethod
    def of(chunk: Chunk) -> Clip:
        """Returns the chunk's samples, rounded as in a WAV file."""
        return Clip(pcm16(chunk.samples), chunk.sample_rate)

    @staticmethod
    def joined(clips: Sequence[Clip]) -> Clip | None:
        """Returns the clips joined into one; None if they have no audio or differ in sample rate."""
        if len({clip.sample_rate for clip in clips}) != 1:
            return None
        pcm = b"".join(clip.pcm for clip in clips)
        return Clip(pcm, clips[0].sample_rate) if pcm else None

    @property
    def samples(self) -> int:
        """The number of its samples."""
        return len(self.pcm) // SAMPLE_BYTES

    def chunk(self, intervals: tuple[Interval, ...] = (), total: int | None = None) -> Chunk:
        """Returns the whole clip as one chunk; ``pcm16`` of its samples returns the stored bytes. ``total`` is the
        chunk's."""
        return Chunk(floats(self.pcm), self.sample_rate, intervals, total=total)

    def pieces(self) -> list[Clip]:
        """Returns the clip in pieces of PIECE_SECONDS."""
        step = PIECE_SECONDS * self.sample_rate * SAMPLE_BYTES
        if len(self.pcm) <= step:
            return [self]
        return [Clip(self.pcm[start : start + step], self.sample_rate) for start in range(0, len(self.pcm), step)]

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yields the audio in order, and yields to the event loop between chunks."""
        first, *rest = self.pieces()
        yield first.chunk(total=self.samples)
        for piece in rest:
            await asyncio.sleep(0)
            yield piece.chunk()


def size_of(seconds: float, sample_rate: int) -> int:
    """Returns the size in bytes of ``seconds`` of audio."""
    return int(seconds * sample_rate) * SAMPLE_BYTES
