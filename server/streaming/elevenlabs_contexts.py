"""A context of ElevenLabs' sockets: its text, the times of its characters, and when it ends by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from server.errors import InvalidRequest
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import ContextOptions, StreamingContext
from server.streaming.elevenlabs_alignment import AlignmentClock, socket_alignment
from server.streaming.elevenlabs_fields import VoiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions(ContextOptions):
    """What a handshake asks for."""

    auto_mode: bool
    """Whether each message is spoken as it is, without waiting for the end of a sentence."""
    continuous: bool
    """Whether times count from the beginning of a context's audio, not of each message's."""
    inactivity_seconds: float
    """How long a context without text to speak waits for its next message before it ends."""


class ElevenLabsContext:
    """A context as its client sees it."""

    def __init__(self, context: StreamingContext, options: SocketOptions, settings: VoiceSettings | None) -> None:
        self.context = context
        self.settings = settings
        self.flushes = 0
        """The flushes before which not all audio was sent."""
        self.expired = False
        """Whether it ended since no message came."""
        self._clock = AlignmentClock(options.form)
        self._options = options
        self._timer: asyncio.TimerHandle | None = None
        context.on_end(lambda _: self._stop_timer())

    def feed(self, text: str, *, flush: bool, traceparent: str | None = None) -> None:
        """Adds text, perhaps none; ``traceparent`` is as for ``StreamingContext.feed``. Raises InvalidRequest for a
        context that was closed, and TextTooLong."""
        if not self.context.open:
            raise InvalidRequest("context_id: this context was closed, and is still speaking", param="context_id")
        self._restart_timer()
        self.context.feed(text, traceparent)
        if self._options.auto_mode:
            self.context.release()
        if flush:
            self.context.flush()
            self.flushes += 1

    def align(self, piece: EncodedAudio) -> dict[str, Any] | None:
        """Returns the alignment of the next piece of its audio, if it has one. Continuous times need no alignment of
        silence."""
        begin, characters = self._clock.align(piece.data, piece.words, piece.seconds)
        if not self.context.options.speech.timestamps or (self._options.continuous and not piece.words):
            return None
        return socket_alignment(characters, 0.0 if self._options.continuous else begin)

    def _restart_timer(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(self._options.inactivity_seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        if self.context.busy:
            self._restart_timer()
        else:
            self.expired = True
            self.context.finish()
