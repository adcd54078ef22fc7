"""Turns an utterance into chunks of audio: from the cache, a running synthesis, or the fallback chain.

This is the only caller of admission: for each request on arrival, and for each synthesis before it starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Container, Mapping
from contextlib import AbstractContextManager, aclosing

from otel.contract.values import CacheResult
from otel.prediction.features import RequestFeatures
from server.access.caller import Caller
from server.errors import DeadlineExceeded, NotReady
from server.prediction.phoneme_estimate import estimate_phonemes
from server.prediction.request_predictor import RequestPredictor
from server.record import RequestRecord, Synthesis
from server.seeds import Arithmetic
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.request_slot import RequestSlot
from server.utterance import Chunk, Utterance, Voice
from server.verification.clip_sampler import ClipSampler
from server.verification.verifier import Verifier

START_SECONDS = 10
"""Retry-After in seconds while models load."""
GRACE_SECONDS = 1.0
"""Seconds beyond the deadline. The chain meets it, but a coalesced request may wait for an earlier one's synthesis."""


class AdmittedChain:
    """The fallback chain behind admission control; the cache calls it on a miss."""

    def __init__(self, chain: FallbackChain, admission: Admission, predictor: RequestPredictor | None = None) -> None:
        """Without ``predictor``, a synthesis has only the estimate of its voice's first provider."""
        self.chain = chain
        self.admission = admission
        self._predictor = predictor

    def check(self, synthesis: Synthesis) -> None:
        """Predicts the synthesis. Raises QueueFull when too much audio is pending."""
        self.predict(synthesis)
        self.admission.check(synthesis.estimated_seconds)

    def predict(self, synthesis: Synthesis) -> None:
        """Predicts a synthesis that is about to be admitted; only the first call counts."""
        if self._predictor is None or synthesis.prediction is not None:
            return
        utterance, rate = synthesis.utterance, self.chain.rate
        features = RequestFeatures(
            utterance.words,
            utterance.characters,
            estimate_phonemes(utterance.text),
            utterance.speed,
            synthesis.listener.streamed,
            self.admission.audio_seconds,
            self.admission.syntheses,
            rate,
            utterance.voice.label,
            utterance.main_language,
            synthesis.response_format,
            self.chain.device,
        )
        synthesis.prediction = self._predictor.predict(features, synthesis.estimated_seconds)
        synthesis.estimated_seconds = synthesis.prediction.audio_seconds

    async def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """Yields the audio in order. Raises QueueFull before any chunk, and the errors of the chain."""
        self.predict(synthesis)
        with self.admission.admit_synthesis(synthesis.estimated_seconds) as slot:
            async with aclosing(self.chain.speak(synthesis, slot)) as chunks:
                async for chunk in chunks:
                    with slot.paused():  # while the reader is not waiting, it must not block others
                        yield chunk


class Synthesizer:
    """Synthesizes requests once the providers are ready."""

    def __init__(
        self,
        chain: FallbackChain,
        cache: Cache,
        admission: Admission,
        deadline_seconds: float,
        admitted: AdmittedChain | None = None,
        *,
        sampler: ClipSampler | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        """``deadline_seconds`` is the timeout of a whole answer, and of each chunk of a stream. ``admitted`` is the
        maker of the cache's audio, which dry runs ask too. ``sampler`` gets the clips to recognise; None: no clip is.
        ``verifier`` makes those of requests with ``verify``."""
        self._chain = chain
        self._admitted = admitted or AdmittedChain(chain, admission)
        self._cache = cache
        self._admission = admission
        self._deadline_seconds = deadline_seconds
        self.sampler = sampler or ClipSampler(0.0, lambda _: None)
        """Chooses the clips that are recognised beside their requests."""
        self._verifier = verifier or Verifier(1)
        self._ready = False
        self._start_callbacks: list[Callable[[], None]] = []

    @property
    def ready(self) -> bool:
        """Whether any provider can speak. False before the voices are loaded, and while the only provider restarts its
        worker process."""
        return self._ready and self._chain.able

    def check_ready(self) -> None:
        """Raises NotReady when no provider can speak."""
        if not self.ready:
            reason = "the speech engine is restarting" if self._ready else "the voices are still loading"
            raise NotReady(reason, retry_after=START_SECONDS)

    @property
    def installed(self) -> Mapping[str, Voice]:
        """The voices that are everybody's, by name."""
        return self._chain.voices()

    def voices(self, caller: Caller) -> Mapping[str, Voice]:
        """Returns the voices that a caller may use, by name: installed ones, and those that its tenant registered."""
        voices = self._chain.voices(caller.tenant)
        if caller.voices is None:
            return voices
        return {name: voice for name, voice in voices.items() if caller.may_use(name)}

    def has_voice(self, name: str, tenant: str) -> bool:
        """Returns whether a tenant has the voice of this name, which not all of its callers may use."""
        return name in self._chain.voices(tenant)

    def require(self, utterance: Utterance) -> None:
        """Raises UnsupportedByVoice when no provider of the voice has the abilities that the utterance needs."""
        self._chain.require(utterance)

    def require_verification(self, utterance: Utterance) -> None:
        """Raises InvalidRequest when what is heard in the utterance's clip can't be compared with its text."""
        self._verifier.require(utterance, self._chain.estimate(utterance))

    def changes_language(self, voice: Voice) -> bool:
        """Whether a provider can speak parts of a text in other languages with the voice."""
        return self._chain.changes_language(voice)

    def arithmetic(self, voice: Voice) -> Arithmetic | None:
        """Returns how the numbers of the voice's first provider are computed; None if that is unknown."""
        return self._chain.arithmetic(voice)

    def phonemes(self, voice: Voice) -> Container[str] | None:
        """Returns the phonemes that the voice can make; None if its first provider takes none."""
        return self._chain.phonemes(voice)

    def estimate(self, utterance: Utterance) -> float:
        """Returns the estimated seconds of audio. Raises NotReady, and UnknownVoice for a voice that was removed."""
        self.check_ready()
        return self._chain.estimate(utterance)

    def refresh(self) -> None:
        """Updates the voices from the providers."""
        self._chain.refresh()

    def on_start(self, callback: Callable[[], None]) -> None:
        """Calls ``callback`` once the voices are loaded."""
        self._start_callbacks.append(callback)

    async def start(self) -> None:
        """Loads and warms up the providers. Raises EngineFailed if none can speak."""
        await self._chain.start()
        self._ready = True
        for callback in self._start_callbacks:
            callback()

    def end(self) -> None:
        """Makes the synthesizer permanently not ready."""
        self._ready = False

    async def stop(self) -> None:
        self.end()
        await self._cache.close()
        await self.sampler.close()
        await self._chain.close()

    def admit(self, client: str, size: int) -> AbstractContextManager[RequestSlot]:
        """Admits a request until it is answered. See ``Admission.admit_request``."""
        return self._admission.admit_request(client, size)

    def rehearse(self, synthesis: Synthesis, size: int) -> None:
        """Predicts a synthesis as if its audio had to be made, and makes none; ``size`` is as for ``admit``.

        Raises NotReady, and UnknownVoice for a voice that was removed, without a prediction; then, with one, the errors
        of ``admit`` and QueueFull, if the server would refuse it now.
        """
        synthesis.estimated_seconds = self.estimate(synthesis.utterance)
        self._admitted.predict(synthesis)
        self._admission.check_request(synthesis.listener.client, size)
        self._admission.check(synthesis.estimated_seconds)

    def speak(self, record: RequestRecord) -> AsyncGenerator[Chunk, None]:
        """Returns a generator of the audio of the record's synthesis in order; closing it abandons the rest.

        It raises NotReady, QueueFull, NothingToSpeak and TextTooLong before any chunk, EngineFailed at any time,
        DeadlineExceeded when a whole answer or a stream's next chunk is not ready in time, and ValueError for a record
        without a synthesis.
        """
        chunks = self._chunks(record)
        return self.sampler.sampled(record, chunks)

    async def _chunks(self, record: RequestRecord) -> AsyncGenerator[Chunk, None]:
        synthesis = record.synthesis
        if synthesis is None:
            raise ValueError("the record of a request that speaks has a synthesis")
        self.check_ready()
        clock = asyncio.get_running_loop().time
        synthesis.deadline = deadline = clock() + self._deadline_seconds
        synthesis.estimated_seconds = self._chain.estimate(synthesis.utterance)
        verifies, open_clip = synthesis.verify, self._cache.open
        source = self._verifier.speak(synthesis, open_clip) if verifies else open_clip(synthesis)
        async with aclosing(source) as chunks:
            while True:
                try:
                    async with asyncio.timeout_at(deadline + GRACE_SECONDS):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise DeadlineExceeded(
                        f"the audio was not ready within {self._deadline_seconds:g} seconds"
                    ) from None
                if synthesis.cache is CacheResult.HIT:  # the cache only holds audio of the voice's first provider
                    synthesis.provider = self._chain.first(synthesis.utterance.voice)
                record.mark_chunk(chunk)
                yield chunk
                if synthesis.listener.streamed:
                    deadline = clock() + self._deadline_seconds
