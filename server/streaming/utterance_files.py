"""Encodes each utterance of a context as a file of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from otel.contract.values import Stage
from server.audio.encoding import Encoder, encoder
from server.errors import EngineFailed
from server.record import RequestRecord
from server.streaming.audio_stream import AudioStream, EncodedAudio, later
from server.utterance import Chunk, Word


class UtteranceFiles(AudioStream):
    """The audio of one context, whose every utterance is one piece: a whole file, without a pause before it."""

    streamed = False

    async def pieces(
        self, chunks: AsyncGenerator[Chunk, None], pause: float, record: RequestRecord
    ) -> AsyncGenerator[EncodedAudio, None]:
        """Yields an utterance's file. Raises the errors of ``AudioStream.pieces``, and UnspeakableText."""
        file: Encoder | None = None
        words: list[Word] = []
        begun = self.seconds
        async for chunk in chunks:
            if file is None:
                file = encoder(self._form, chunk.sample_rate, whole=True, artist=self._artist)
            with record.stage(Stage.ENCODE):
                file.feed(chunk.samples) if file.quick else await asyncio.to_thread(file.feed, chunk.samples)
            words += later(chunk.words, begun)
            self.seconds += chunk.seconds
        if file is None:
            raise EngineFailed("the speech engine made no audio")
        with record.stage(Stage.ENCODE):
            data = await asyncio.to_thread(file.finish)
        yield EncodedAudio(data, tuple(words), self.seconds - begun)

    def most_unsent(self, seconds: float, sample_rate: int) -> int:
        return int(seconds * self._form.byte_rate(sample_rate))
