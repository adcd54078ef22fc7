"""Encodes the utterances of one context as one stream of audio, with the times of their words in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from otel.contract.values import Stage
from server.audio.encoding import Encoder, encoder
from server.audio.formats import Format
from server.errors import EngineFailed
from server.record import RequestRecord
from server.routes.delivery import PIECE_BYTES, bytes_ahead
from server.utterance import Chunk, Samples, Word


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A piece of a context's audio, of at most PIECE_BYTES: clients accept no long messages."""

    data: bytes
    """In the context's format."""
    words: tuple[Word, ...] = ()
    """The words that are timed with it, in seconds from the beginning of the context's audio."""
    seconds: float = 0.0
    """The seconds of audio that were encoded; the encoder of a compressed format holds some of them back."""
    synthesis_seconds: float = 0.0
    """The real time of making them."""


class AudioStream:
    """The audio of one context. Raw samples are complete with each utterance, compressed audio at the end."""

    streamed = True
    """Whether audio is delivered while it is made."""

    def __init__(self, form: Format, artist: str) -> None:
        """``artist`` is the voice's name, for formats that store it."""
        self._form = form
        self._artist = artist
        self._encoder: Encoder | None = None
        self._sample_rate = 0
        self.seconds = 0.0
        """The seconds of audio so far."""
        self.begun = 0.0
        """The seconds of audio before the speech of the newest utterance."""
        self._sent = 0.0
        """The seconds of audio that were delivered."""

    def begin(self) -> None:
        """Notes that an utterance begins, whose audio follows."""
        self.begun = self._sent = self.seconds

    def mark_sent(self, piece: EncodedAudio) -> None:
        """Notes that a piece was delivered."""
        self._sent += piece.seconds

    @property
    def sent_seconds(self) -> float:
        """The seconds of the newest utterance's speech that were delivered."""
        return max(0.0, self._sent - self.begun)

    def played_seconds(self, played: float) -> float:
        """Returns the seconds of the newest utterance's speech that a client has played, who says that it has played
        ``played`` seconds of the context's audio. It can't have played what was not delivered."""
        return min(max(0.0, played - self.begun), self.sent_seconds)

    async def pieces(
        self, chunks: AsyncGenerator[Chunk, None], pause: float, record: RequestRecord
    ) -> AsyncGenerator[EncodedAudio, None]:
        """Yields an utterance's audio after ``pause`` seconds of silence, and times its encoding in ``record``. Raises
        what ``chunks`` raises, and EngineFailed if there is no audio."""
        offset = None
        async for chunk in chunks:
            samples = chunk.samples
            if offset is None:
                if self.seconds and pause:
                    samples = np.concatenate((np.zeros(round(pause * chunk.sample_rate), np.float32), samples))
                offset = self.begun = self.seconds + len(samples) / chunk.sample_rate - chunk.seconds
            self._sample_rate = chunk.sample_rate
            with record.stage(Stage.ENCODE):
                data = await self._feed(samples)
            seconds, words = len(samples) / chunk.sample_rate, later(chunk.words, offset)
            share = seconds / max(1, len(data))
            first = min(len(data), PIECE_BYTES)
            yield EncodedAudio(data[:first], words, share * first if data else seconds, chunk.synthesis_seconds)
            for start in range(PIECE_BYTES, len(data), PIECE_BYTES):
                piece = data[start : start + PIECE_BYTES]
                yield EncodedAudio(piece, seconds=share * len(piece))
        if offset is None:
            raise EngineFailed("the speech engine made no audio")
        if self._form.codec is None and (rest := await self.finish()):
            yield EncodedAudio(rest)

    def most_unsent(self, seconds: float, sample_rate: int) -> int:
        """Returns the estimated most bytes that wait for the client while an utterance of ``seconds`` is made."""
        return bytes_ahead(seconds, sample_rate)

    async def finish(self) -> bytes:
        """Returns the rest of the audio, perhaps none. More may follow it only where samples are raw."""
        if self._encoder is None:
            return b""
        last, self._encoder = self._encoder, None
        return last.finish() if last.quick else await asyncio.to_thread(last.finish)

    async def _feed(self, samples: Samples) -> bytes:
        self.seconds += len(samples) / self._sample_rate
        if self._encoder is None:
            self._encoder = encoder(self._form, self._sample_rate, whole=False, artist=self._artist)
        current = self._encoder
        return current.feed(samples) if current.quick else await asyncio.to_thread(current.feed, samples)


def later(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """Returns words that are spoken so much later."""
    return tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in words)
