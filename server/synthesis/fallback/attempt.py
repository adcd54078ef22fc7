"""One provider's attempt to speak an utterance, with its duration, audio quality and outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from otel.contract.values import AttemptOutcome, FallbackReason
from server.audio.quality import Inspector, Quality
from server.errors import DeadlineExceeded, EngineFailed, ShuttingDown, SpeechError
from server.record import AttemptRecord, Synthesis
from server.synthesis.admission import SynthesisSlot
from server.synthesis.fallback.provider_state import Candidate
from server.utterance import Ability, Chunk

LEADING_SILENCE = 1.0
"""The most seconds of silence at the start of a stream; real voices have 0.06 to 0.35."""
LONG_TEXT = 500
"""Characters above which audio is judged in a thread instead of the event loop: it takes 0.1 ms per 100 characters."""


class Attempt:
    """One provider's attempt at a synthesis."""

    def __init__(self, synthesis: Synthesis, candidate: Candidate, seed: int, until: float) -> None:
        """``seed`` is that of the audio, if its provider can repeat noise. ``until`` is the deadline for a stream's
        first audio or for a whole answer, in the event loop's seconds."""
        self.candidate = candidate
        self.epoch = candidate.state.breaker.epoch
        self.outcome = AttemptOutcome.CANCELLED
        self.quality: Quality | None = None
        self.audio_seconds = 0.0
        """Seconds of audio made so far."""
        self.delivering = False
        """Whether the listener has received any audio."""
        self.buffer: list[Chunk] = []
        """Audio not delivered yet: all of a whole answer, or a stream's silence before its first sound."""
        synthesis.seed = seed if Ability.SEED in candidate.state.provider.abilities else None
        self._utterance = replace(candidate.adapt(synthesis.utterance), seed=synthesis.seed)
        self._listener = synthesis.listener
        self._until = until
        self._stall_seconds = synthesis.stall_seconds
        self._start = self._end = time.perf_counter_ns()
        self._waited = 0

    @property
    def reason(self) -> FallbackReason | None:
        """The reason to fall back to another provider; None if that would not help."""
        return _REASONS.get(self.outcome)

    def record(self) -> AttemptRecord:
        """Returns the record of the attempt, once it has ended."""
        return AttemptRecord(self.candidate.name, self.outcome, self._start, self._end, self._waited / 1e9)

    async def stream(self, slot: SynthesisSlot) -> AsyncGenerator[Chunk, None]:
        """Makes all of the audio and yields a stream's from its first sound on; what is not yielded is in ``buffer``.

        Reports progress to ``slot``. Raises SpeechError.
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
        """Whether the audio has any sound yet. Raises EngineFailed when it has been silent for too long."""
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
