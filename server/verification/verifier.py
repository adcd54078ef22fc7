"""Recognises a clip before it is sent, and makes it again while words are missing or added."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import numpy as np

from otel.contract.recognition_values import VerificationResult
from server.audio.quality import Quality
from server.errors import InvalidRequest, SpeechError
from server.logs import LOGGER
from server.record import Synthesis
from server.utterance import Chunk, Utterance
from server.verification.recognisers import installed, is_sound
from server.verification.recognition import RecognitionFailed, obstacle, recognise
from server.verification.word_errors import WordErrors

LONGEST_SECONDS = 300.0
"""The longest clip that is verified: recognising it takes 25 s of a core."""
FIELD = "verify"

Open = Callable[[Synthesis], AsyncGenerator[Chunk, None]]
log = logging.getLogger(f"{LOGGER}.verification")


@dataclass(frozen=True, slots=True)
class VerifiedClip:
    """A clip that was made, and what was heard in it."""

    chunks: list[Chunk]
    provider: str
    """The name of the provider that made it."""
    seed: int | None
    """The seed that makes it again."""
    quality: Quality | None
    errors: WordErrors | None
    """None when the recogniser has failed, or there was no time for it."""

    @property
    def sound(self) -> bool:
        """Whether it says the words of its text, as far as the recogniser can tell."""
        return self.errors is not None and is_sound(self.errors)

    @property
    def rate(self) -> float:
        """The word error rate; infinite if it is unknown."""
        return math.inf if self.errors is None else self.errors.rate


class Verifier:
    """Makes clips that say the words of their text, in a limited number of attempts."""

    def __init__(self, attempts: int) -> None:
        """``attempts`` is the most times that a clip is made."""
        self._attempts = attempts

    def require(self, utterance: Utterance, seconds: float) -> None:
        """Raises InvalidRequest if an utterance of estimated ``seconds`` can't be verified."""
        reason = "this server has no recogniser: install its extra verify" if installed() is None else None
        reason = reason or obstacle(utterance)
        if reason is None and seconds > LONGEST_SECONDS:
            reason = f"only speech of up to {LONGEST_SECONDS:g} seconds can be recognised"
        if reason is not None:
            raise InvalidRequest(f"{FIELD}: {reason}", param=FIELD)

    async def speak(self, synthesis: Synthesis, open_clip: Open) -> AsyncGenerator[Chunk, None]:
        """Yields the first clip of ``open_clip`` that says the words of its text, else the best one, and records the
        result in the synthesis.

        It makes no further clip for which the deadline leaves too little time. Raises the errors of the first clip.
        """
        begun = time.monotonic()
        clips = [await self._clip(synthesis, open_clip)]
        first = time.monotonic()
        clips[0] = await self._recognised(synthesis, clips[0])
        while self._goes_on(synthesis, clips, (time.monotonic() - begun) / len(clips)):
            synthesis.take = len(clips)
            try:
                clip = await self._clip(synthesis, open_clip)
            except SpeechError as error:  # there is no room, or the provider has failed
                log.warning("a clip can't be made again", extra={"reason": error.message})
                break
            clips.append(await self._recognised(synthesis, clip))
        best = next((clip for clip in clips if clip.sound), min(clips, key=lambda clip: clip.rate))
        synthesis.verification = _result(best, clips)
        synthesis.verification_seconds = time.monotonic() - first
        synthesis.word_error_rate = best.errors.rate if best.errors else None
        synthesis.provider, synthesis.quality, synthesis.seed = best.provider, best.quality, best.seed
        for chunk in best.chunks:
            yield chunk

    def _goes_on(self, synthesis: Synthesis, clips: Sequence[VerifiedClip], seconds: float) -> bool:
        """Whether another clip is made, which takes ``seconds``."""
        if len(clips) >= self._attempts or clips[-1].sound or clips[-1].errors is None:
            return False
        return asyncio.get_running_loop().time() + seconds < synthesis.deadline

    async def _clip(self, synthesis: Synthesis, open_clip: Open) -> VerifiedClip:
        async with aclosing(open_clip(synthesis)) as chunks:
            made = [chunk async for chunk in chunks]
        return VerifiedClip(made, synthesis.provider, synthesis.seed, synthesis.quality, None)

    async def _recognised(self, synthesis: Synthesis, clip: VerifiedClip) -> VerifiedClip:
        """Returns the clip with what was heard in it, as far as that is known before the deadline."""
        samples = np.concatenate([chunk.samples for chunk in clip.chunks])
        try:
            async with asyncio.timeout_at(synthesis.deadline):
                rate = clip.chunks[0].sample_rate
                return replace(clip, errors=await asyncio.to_thread(recognise, synthesis.utterance, samples, rate))
        except (RecognitionFailed, TimeoutError) as error:
            log.warning("a clip can't be recognised", extra={"reason": str(error) or "the deadline has passed"})
            return clip


def _result(best: VerifiedClip, clips: Sequence[VerifiedClip]) -> VerificationResult:
    if best.sound:
        return VerificationResult.PASSED if best is clips[0] else VerificationResult.CORRECTED
    return VerificationResult.UNVERIFIED if best.errors is None else VerificationResult.FAILED
