"""Sends a speech response in pieces, with a timeout for each piece and for all, and counts its unsent bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from aiohttp import web
from aiohttp.http_writer import StreamWriter

from server.middleware.envelope import ACKNOWLEDGED, RESPONSE, TRAILER
from server.record import RequestRecord, Synthesis
from server.routes.dialect import SynthesisRequest
from server.scheduling.job import AHEAD_SECONDS
from server.synthesis.request_slot import RequestSlot

PIECE_BYTES = 64 * 1024
"""The size of the pieces in which audio is written to the connection; the timeout applies to each."""
SAMPLE_BYTES = np.dtype(np.float32).itemsize
"""The bytes per sample of audio that waits for the client of a stream."""


@dataclass(frozen=True, slots=True)
class SendLimits:
    """The send limits for slow clients, and whether the response reports its cache result."""

    seconds: float
    """The timeout for sending one piece."""
    rate: float
    """The minimum send rate, in seconds of audio per second, averaged over the whole response, with one allowance of
    ``seconds`` on top. Time spent on synthesis does not count, since the client has nothing to receive then."""
    cache_header: bool = True
    """Whether the response has the header X-TTS-Cache, which says if its audio came from the cache."""


def bytes_ahead(seconds: float, sample_rate: int) -> int:
    """Returns the most bytes of a stream of ``seconds`` that are made ahead of its client, at ``sample_rate`` Hz."""
    return int(min(seconds, AHEAD_SECONDS) * sample_rate * SAMPLE_BYTES)


class SendTimer:
    """Holds the sending of one answer to its limits."""

    def __init__(self, limits: SendLimits) -> None:
        self._limits = limits
        self._spent = 0.0
        """Seconds spent on sending so far."""

    @asynccontextmanager
    async def in_time(self, record: RequestRecord) -> AsyncIterator[None]:
        """Raises TimeoutError and sets ``record.cut_off`` if this piece, or all pieces so far, took too long."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        remaining = self._limits.seconds + record.audio_seconds / self._limits.rate - self._spent
        try:
            async with asyncio.timeout(min(self._limits.seconds, max(0.0, remaining))):
                yield
        except TimeoutError:
            record.cut_off = True
            raise
        finally:
            self._spent += loop.time() - start


class Delivery:
    """Sends one speech response.

    Raises TimeoutError if the client does not receive the audio in time, ConnectionError if it has disconnected.
    """

    def __init__(
        self,
        request: web.Request,
        record: RequestRecord,
        synthesis_request: SynthesisRequest,
        slot: RequestSlot,
        limits: SendLimits,
    ) -> None:
        self.request, self.record, self.synthesis_request, self.slot = request, record, synthesis_request, slot
        self._limits = limits
        self._timer = SendTimer(limits)
        self._response: web.StreamResponse | None = None

    @property
    def prepared(self) -> bool:
        return self._response is not None

    @property
    def response(self) -> web.StreamResponse:
        """Raises RuntimeError before ``begin``."""
        if self._response is None:
            raise RuntimeError("the answer has not begun")
        return self._response

    async def begin(
        self,
        content_type: str,
        length: int | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Prepares the headers, which are sent with the first piece. ``length`` is in bytes; None for a stream.
        ``headers`` are additional ones."""
        self._response = web.StreamResponse(status=status, headers={**self._headers(content_type), **(headers or {})})
        self._response.content_length = length
        self.request[RESPONSE] = self._response
        await self._response.prepare(self.request)

    async def write(self, data: bytes) -> None:
        """Sends bytes that the slot holds; returns when the kernel has taken them. All stay in memory until then."""
        view = memoryview(data)
        with self.slot.sending():
            for start in range(0, len(view), PIECE_BYTES):
                piece = view[start : start + PIECE_BYTES]
                async with self._timer.in_time(self.record):
                    await self.response.write(piece)
                    await self.request.writer.drain()
        self.slot.mark_sent(len(data))

    async def add(self, data: bytes) -> None:
        """Adds new bytes to the slot and sends them."""
        self.slot.hold(len(data))
        await self.write(data)

    async def end(self) -> web.StreamResponse:
        """Ends the response and returns it, once the client has it if it may have left."""
        async with self._timer.in_time(self.record):
            if TRAILER in self.request:
                await self._end_with_trailer(*self.request[TRAILER]())
            await self.response.write_eof()
            await self.request[ACKNOWLEDGED]()
        return self.response

    async def _end_with_trailer(self, name: str, value: str) -> None:
        """Writes the last chunk and the trailer. aiohttp knows no trailers: without chunking it writes bytes as they
        are, and adds nothing at the end. Raises TypeError if it writes in another way."""
        writer = self.request.writer
        if not isinstance(writer, StreamWriter):
            raise TypeError("the connection has another writer")
        writer.chunked = False
        await writer.write(f"0\r\n{name}: {value}\r\n\r\n".encode("ascii"))

    def _headers(self, content_type: str) -> dict[str, str]:
        record, ignored = self.record, self.synthesis_request.ignored
        return {
            "Content-Type": content_type,
            "X-TTS-Provider": record.provider,
            **({"X-TTS-Cache": str(record.cache)} if self._limits.cache_header else {}),
            **({} if record.seed is None else {"X-TTS-Seed": str(record.seed)}),
            "X-TTS-Word-Count-Range": record.word_count_range,
            "X-TTS-Character-Count-Range": record.char_count_range,
            **_verification_headers(record.synthesis),
            **({"X-TTS-Ignored": ", ".join(ignored)} if ignored else {}),
        }


def _verification_headers(synthesis: Synthesis | None) -> dict[str, str]:
    """Returns what was heard in the clip; nothing unless the request asked for it."""
    if synthesis is None or synthesis.verification is None:
        return {}
    headers = {"X-TTS-Verification": str(synthesis.verification)}
    if synthesis.word_error_rate is not None:
        headers["X-TTS-Word-Error-Rate"] = f"{synthesis.word_error_rate:.3f}"
    return headers
