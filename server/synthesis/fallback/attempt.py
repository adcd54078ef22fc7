"""One provider's attempt to speak one utterance: timed, judged, and named by its outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from otel.contract.values import AttemptOutcome, FallbackReason
from server.audio.quality import Inspector, Quality
from server.errors import DeadlineExceeded, EngineFailed, ShuttingDown, SpeechError
from server.record import AttemptRecord, Synthesis
from server.synthesis.admission import SynthesisSlot
from server.synthesis.fallback.provider_state import Candidate
from server.utterance import Chunk

LEADING_SILENCE = 1.0
"""Seconds of silence that a stream may begin with: real voices begin with 0.06 to 0.35."""
LONG_TEXT = 500
"""Characters from which on the verdict, 0.1 ms for each 100, is not the event loop's to reach."""


class Attempt:
    """One provider's attempt to speak what a synthesis asks for."""

    def __init__(self, synthesis: Synthesis, candidate: Candidate, until: float) -> None:
        """``until`` is when the first audio of a stream, or all of a whole answer, must be there."""
        self.candidate = candidate
        self.epoch = candidate.state.breaker.epoch
        self.outcome = AttemptOutcome.CANCELLED
        self.quality: Quality | None = None
        self.audio_seconds = 0.0
        """Seconds of audio made so far."""
        self.delivering = False
        """Whether any of it was given to the listener."""
        self.buffer: list[Chunk] = []
        """Audio that was made and not given: all of a whole answer, of a stream the silence before its first sound."""
        self._utterance = candidate.adapt(synthesis.utterance)
        self._listener = synthesis.listener
        self._until = until
        self._stall_seconds = synthesis.stall_seconds
        self._start = self._end = time.perf_counter_ns()
        self._waited = 0

    @property
    def reason(self) -> FallbackReason | None:
        """Why another provider should speak; None if that would not help."""
        return _REASONS.get(self.outcome)

    def record(self) -> AttemptRecord:
        """Returns the account of the attempt, once it has ended."""
        return AttemptRecord(self.candidate.name, self.outcome, self._start, self._end, self._waited / 1e9)

    async def stream(self, slot: SynthesisSlot) -> AsyncGenerator[Chunk, None]:
        """Makes all of the audio, and gives a stream's from its first sound on; the rest is then in ``buffer``.

        ``slot`` learns of the progress. Raises SpeechError.
        """
        inspector = Inspector(self._utterance)
        state = self.candidate.state
        state.busy += 1
        try:
            async with aclosing(state.provider.speak(self._utterance, self._listener)) as chunks:
                while (chunk := await self._next(chunks)) is not None:
                    inspector.add(chunk.samples, chunk.sample_rate)
                    if chunk.expected is not None:
                        inspector.expect(chunk.expected, chunk.spoken_text)
                    self.audio_seconds += chunk.seconds
                    slot.progress(chunk.seconds)
                    self.buffer.append(chunk)
                    if self._listener.streamed and self._sounds(inspector):
                        self.delivering = True
                        for sounding in self.buffer:
                            yield sounding
                        self.buffer.clear()
            long = self._utterance.characters > LONG_TEXT
            self.quality = await asyncio.to_thread(inspector.verdict) if long else inspector.verdict()
            if not self.quality.usable:
                raise self._faulty(self.quality)
            self.outcome = AttemptOutcome.OK
        except Exception as error:
            self.outcome = _outcome(error) if self.outcome is AttemptOutcome.CANCELLED else self.outcome
            raise
        finally:
            state.busy -= 1
            self._end = time.perf_counter_ns()

    def _sounds(self, inspector: Inspector) -> bool:
        """Whether there was anything to hear yet. Raises EngineFailed when there has not been for too long."""
        if self.delivering or not inspector.silent_so_far:
            return True
        if self.audio_seconds > LEADING_SILENCE + self._utterance.leading_silence:
            raise self._faulty(inspector.verdict())
        return False

    async def _next(self, chunks: AsyncGenerator[Chunk, None]) -> Chunk | None:
        follows = self._listener.streamed and self.delivering
        until = asyncio.get_running_loop().time() + self._stall_seconds if follows else self._until
        pulled = time.perf_counter_ns()
        try:
            async with asyncio.timeout_at(until):
                return await anext(chunks, None)
        except TimeoutError:
            raise DeadlineExceeded("the audio was not ready in time") from None
        finally:
            self._waited += time.perf_counter_ns() - pulled

    def _faulty(self, quality: Quality) -> EngineFailed:
        self.outcome = AttemptOutcome.FAULTY
        self.quality = quality
        return EngineFailed("the speech engine made audio that is silent or far too short")


_REASONS = {
    AttemptOutcome.ERROR: FallbackReason.ERROR,
    AttemptOutcome.TIMEOUT: FallbackReason.TIMEOUT,
    AttemptOutcome.FAULTY: FallbackReason.FAULTY,
}


def _outcome(error: Exception) -> AttemptOutcome:
    match error:
        case DeadlineExceeded():
            return AttemptOutcome.TIMEOUT
        case ShuttingDown():
            return AttemptOutcome.CANCELLED
        case SpeechError(refusal=True):
            return AttemptOutcome.REJECTED
        case _:
            return AttemptOutcome.ERROR
