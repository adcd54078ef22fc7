"""The requests of the last hour, whose playback a player can report: what the server itself knows of each."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.trace import Span, SpanContext

from otel.sdk.spans import parent_of
from server.access.caller import Caller
from server.errors import UnknownRequest
from server.record import RequestRecord

RETENTION_SECONDS = 3600.0
"""How long after its end the playback of a request can be reported."""
MOST_REQUESTS = 16_384
"""The most requests that are remembered, of which the oldest is forgotten first: 16 MB."""
END_SECONDS = 5.0
"""How long a report waits for the end of its request: a player that is stopped reports at once."""


@dataclass(frozen=True, slots=True)
class PlayableRequest:
    """A request that has ended and had audio."""

    request_id: str
    caller: Caller
    voice_name: str
    """The label of the voice."""
    word_count_range: str
    char_count_range: str
    streamed: bool
    audio_seconds: float
    began_unix: int
    """When the request arrived, in Unix nanoseconds."""
    began: int
    """The same by ``time.perf_counter_ns``, which is never set."""
    first_audio_seconds: float
    """Seconds from its arrival until its first audio was ready."""
    span: SpanContext
    """The request's SERVER span."""
    parent: SpanContext | None
    """The caller's span; None if the request continues no trace."""
    sampled: bool
    """Whether the request's trace is sampled."""


@dataclass(slots=True)
class _OpenRequest:
    record: RequestRecord
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class RecentRequests:
    """Remembers requests until their playback is reported.

    A report must come from the key that sent the request; for all others the request is unknown. While a request is
    remembered, no later one takes its identifier, which a client may choose.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _OpenRequest] = {}
        self._ended: OrderedDict[str, tuple[float, PlayableRequest]] = OrderedDict()
        """When each expires, and what is known of it."""

    def open(self, record: RequestRecord) -> None:
        """Remembers a request that begins."""
        if record.request_id not in self._ended:
            self._open.setdefault(record.request_id, _OpenRequest(record))

    def close(self, record: RequestRecord, span: Span) -> None:
        """Remembers what is known of a request that has ended, or forgets it if it had no audio. ``span`` is its
        SERVER span."""
        request = self._open.get(record.request_id)
        if request is None or request.record is not record:
            return
        del self._open[record.request_id]
        if record.first_audio and record.utterance is not None:
            expiry = self._clock() + RETENTION_SECONDS
            self._ended[record.request_id] = (expiry, _playable(record, span))
            self._forget_old()
        request.ended.set()

    async def find(self, request_id: str, caller: Caller) -> PlayableRequest:
        """Returns what is known of a request, once it has ended. Raises UnknownRequest."""
        request = self._open.get(request_id)
        if request is not None:
            try:
                async with asyncio.timeout(END_SECONDS):
                    await request.ended.wait()
            except TimeoutError:
                raise UnknownRequest("this request has not ended; report its playback later") from None
        self._forget_old()
        _, playable = self._ended.get(request_id, (0.0, None))
        if playable is None or (playable.caller.key_id, playable.caller.tenant) != (caller.key_id, caller.tenant):
            raise UnknownRequest(
                "within the last hour no request with this X-Request-ID had audio, or its playback has been reported"
            )
        return playable

    def forget(self, request: PlayableRequest) -> None:
        """Forgets a request whose playback has been reported."""
        self._ended.pop(request.request_id, None)

    def _forget_old(self) -> None:
        """Forgets the requests that have expired, and the oldest of too many."""
        while self._ended:
            request_id, (expiry, _) = next(iter(self._ended.items()))
            if expiry > self._clock() and len(self._ended) <= MOST_REQUESTS:
                return
            del self._ended[request_id]


def _playable(record: RequestRecord, span: Span) -> PlayableRequest:
    """Returns what is known of a request that had audio."""
    if record.utterance is None:
        raise ValueError("a request with audio has an utterance")
    return PlayableRequest(
        record.request_id,
        record.caller,
        record.utterance.voice.label,
        record.word_count_range,
        record.char_count_range,
        record.streamed,
        record.audio_seconds,
        record.began_unix,
        record.began,
        (record.first_audio - record.began) / 1e9,
        span.get_span_context(),
        parent_of(span),
        record.sampled,
    )
