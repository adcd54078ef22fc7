"""The fallback chain: tries providers in order; when one fails before the first byte, the next one speaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Container, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from otel.contract.values import AttemptOutcome, FallbackReason
from server.access.caller import DEFAULT_TENANT
from server.errors import EngineFailed, ReplicaLost, SpeechError, UnknownVoice, UnspeakableText, UnsupportedByVoice
from server.logs import LOGGER
from server.providers.provider import Load, Provider
from server.record import Synthesis
from server.seeds import Arithmetic, take_seed
from server.synthesis.admission import SynthesisSlot
from server.synthesis.fallback.attempt import Attempt
from server.synthesis.fallback.provider_reports import ProviderReports
from server.synthesis.fallback.provider_state import Candidate, ProviderState
from server.synthesis.fallback.reports import ChainReports
from server.utterance import FEATURES, Chunk, Utterance, Voice, VoiceKey

FORECAST_FACTOR = 5.0
"""The timeout of an attempt as a multiple of the provider's forecast, while another provider can still speak."""
LEAST_SECONDS = 10.0
"""The least timeout of an attempt, and the least time reserved for the next provider, as far as the deadline allows."""
RETRIES = 2
"""How often a request goes to another replica of its provider. A text that ends replicas must not end them all."""
RATE_SECONDS = 0.1
"""The time for which the rate is cached. It changes over many seconds, computing a provider's load sums over all of its
work, and in an overload every refusal needs it."""

log = logging.getLogger(f"{LOGGER}.chain")


class FallbackChain:
    """Offers every voice of its providers; if a voice's first provider fails before the first byte, tries the next."""

    def __init__(
        self,
        providers: Sequence[Provider],
        reports: ChainReports,
        orders: Mapping[str, Sequence[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``providers`` are tried in this order. ``orders`` overrides it per voice with provider names, each followed
        by a colon and a substitute voice if the provider lacks this one, as in {"joe": ["remote:alloy"]}. A registered
        voice that it names is DEFAULT_TENANT's, and becomes everybody's by that."""
        self._states = {provider.name: ProviderState(provider, clock) for provider in providers}
        self._clock = clock
        self._reports = reports
        self._orders = dict(orders or {})
        self._candidates: dict[VoiceKey, tuple[Candidate, ...]] = {}
        self._voices: dict[str | None, dict[str, Voice]] = {}
        self._load, self._rate_until = Load(), float("-inf")
        self._checks: set[asyncio.Task[bool]] = set()
        """Running checks of suspected providers."""
        self._choose()

    @property
    def states(self) -> tuple[ProviderState, ...]:
        return tuple(self._states.values())

    def voices(self, tenant: str | None = None) -> Mapping[str, Voice]:
        """Returns the voices that a tenant may use by name, each as its first provider has it; for None, the voices
        that are everybody's."""
        return self._voices.get(tenant, self._voices[None])

    @property
    def registered(self) -> list[Voice]:
        """The voices that belong to tenants."""
        return [voice for voices in self._voices.values() for voice in voices.values() if voice.registered]

    def first(self, voice: Voice) -> str:
        """Returns the name of the voice's first provider; empty for a voice that was removed."""
        return self._candidates[voice.key][0].state.name if voice.key in self._candidates else ""

    def estimate(self, utterance: Utterance) -> float:
        """Returns the estimated seconds of audio. Raises UnknownVoice for a voice that was removed."""
        return self._of(utterance)[0].state.provider.estimate(utterance)

    @property
    def able(self) -> bool:
        """Whether any provider could speak, regardless of breakers: a provider with an open breaker is still tried when
        there is no other, and failed texts of some clients must not make the server look dead."""
        return any(state.able for state in self.states)

    @property
    def rate(self) -> float:
        """The throughput of the first available provider, at most RATE_SECONDS old."""
        moment = self._clock()
        if moment >= self._rate_until:
            states = self.states
            first = next((state for state in states if state.available), states[0])
            self._load, self._rate_until = first.provider.load(), moment + RATE_SECONDS
        return self._load.rate

    @property
    def device(self) -> str:
        """What that provider computes on, as known when ``rate`` was last read."""
        return self._load.device

    @property
    def depth(self) -> int:
        """The number of requests that wait for a provider."""
        return sum(state.provider.load().depth for state in self.states)

    async def start(self) -> None:
        """Starts every provider; one that fails to start is left out. Raises EngineFailed when all fail."""
        errors = await asyncio.gather(*(self._start(state) for state in self.states))
        if not any(state.started for state in self.states):
            raise next(error for error in errors if error is not None)
        self._choose()
        if not self._candidates:
            raise EngineFailed("no provider has a voice")
        self._rate_until = float("-inf")

    async def close(self) -> None:
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*(state.close() for state in self.states))

    def require(self, utterance: Utterance) -> None:
        """Raises UnsupportedByVoice when no provider of the voice has the abilities that the utterance needs."""
        self._candidates_for(utterance)

    def changes_language(self, voice: Voice) -> bool:
        """Whether a provider can speak parts of a text in other languages with the voice."""
        return any(candidate.changes_language for candidate in self._candidates.get(voice.key, ()))

    def arithmetic(self, voice: Voice) -> Arithmetic | None:
        """Returns how the numbers of the voice's first provider are computed; None if that is unknown."""
        first = next(iter(self._candidates.get(voice.key, ())), None)
        return first.arithmetic if first is not None else None

    def phonemes(self, voice: Voice) -> Container[str] | None:
        """Returns the phonemes that the voice can make; None if its first provider takes none."""
        first = next(iter(self._candidates.get(voice.key, ())), None)
        return first.phonemes if first is not None else None

    async def speak(self, synthesis: Synthesis, slot: SynthesisSlot) -> AsyncGenerator[Chunk, None]:
        """Yields the audio: a stream's as it is made, a whole answer's after it is complete and judged.

        Only providers with the abilities that the utterance needs are tried. Their attempts are recorded in the
        synthesis; ``slot`` gets their progress, and a negative one for the wasted audio of a failed attempt.

        Raises the error of the last provider; UnsupportedByVoice if no provider has the abilities; UnspeakableText when
        all tried providers made faulty audio, none of it was delivered, and they still pass a check; DeadlineExceeded
        after the deadline; NothingToSpeak and TextTooLong immediately, since no other provider would do better.
        """
        synthesis.stall_seconds = synthesis.deadline - asyncio.get_running_loop().time()
        candidates = self._candidates_for(synthesis.utterance)
        # With no provider available the first one is tried anyway: an attempt is better than a refusal.
        order = [candidate for candidate in candidates if candidate.state.available] or list(candidates[:1])
        if order[0] is not candidates[0]:
            self._fall_back(synthesis, candidates[0], order[0], FallbackReason.UNAVAILABLE)
        queue, retries = deque(order), RETRIES
        seed = take_seed(synthesis.utterance.seed, synthesis.take, streamed=synthesis.listener.streamed)
        while queue:
            candidate = queue.popleft()
            following = queue[0] if queue else None
            attempt = Attempt(synthesis, candidate, seed, self._limit(synthesis, candidate, following))
            synthesis.first_choice = candidate is candidates[0]
            try:
                try:
                    async with aclosing(attempt.stream(slot)) as chunks:
                        async for chunk in chunks:
                            synthesis.provider = candidate.name
                            yield chunk
                finally:
                    self._account(synthesis, attempt)
            except Exception as error:  # after any error of one provider another may speak
                if isinstance(error, ReplicaLost) and retries:  # another of its replicas may speak
                    retries, following = retries - 1, candidate
                    queue.appendleft(candidate)
                reason = attempt.reason
                if reason is None or following is None or attempt.delivering:
                    if not attempt.delivering and await self._is_unspeakable(synthesis):
                        raise UnspeakableText("the text can't be spoken as it is written", param="text") from error
                    raise
                self._fall_back(synthesis, candidate, following, reason)
                log.warning(
                    "a provider failed, the next one is asked",
                    extra={"provider": candidate.name, "following": following.name, "reason": str(reason)},
                )
                slot.progress(-attempt.audio_seconds)
            else:
                for chunk in attempt.buffer:
                    synthesis.provider = candidate.name
                    yield chunk
                return

    def refresh(self) -> None:
        """Updates the voices from the providers, which may have added or removed some."""
        self._choose()

    def _of(self, utterance: Utterance) -> tuple[Candidate, ...]:
        candidates = self._candidates.get(utterance.voice.key)
        if candidates is None:  # deleted since the request was read
            raise UnknownVoice("this voice does not exist any more", param="voice_name")
        return candidates

    async def _start(self, state: ProviderState) -> SpeechError | None:
        try:
            await state.provider.start(ProviderReports(state, self, self._reports))
        except SpeechError as error:
            log.error("a provider can't speak", extra={"provider": state.name, "reason": error.message})
            self._reports.available(state.name, False)
            return error
        state.started = True
        state.last_success = self._clock()
        self._reports.available(state.name, state.available)
        return None

    def _choose(self) -> None:
        """Sets the candidates of each voice from the voices of the providers."""
        offers = {name: {each.key: each for each in state.provider.voices()} for name, state in self._states.items()}
        keys = dict.fromkeys(key for voices in offers.values() for key in voices)
        keys |= dict.fromkeys((None, name) for name in self._orders)
        candidates = {key: tuple(self._candidates_by_order(key, offers)) for key in keys}
        self._candidates = {key: each for key, each in candidates.items() if each}
        voices: dict[str | None, dict[str, Voice]] = {None: {}}
        for (tenant, name), (first, *_) in self._candidates.items():
            voices.setdefault(tenant, {})[name] = replace(first.voice, name=name, tenant=tenant)
        # Over a registered voice, one that is everybody's and has its name takes precedence.
        self._voices = {tenant: {**voices[None], **own, **voices[None]} for tenant, own in voices.items()}

    def _candidates_by_order(
        self, voice_key: VoiceKey, offers: Mapping[str, Mapping[VoiceKey, Voice]]
    ) -> Iterator[Candidate]:
        """Yields the candidates of a voice in order; ``offers`` are the voices of each provider."""
        tenant, name = voice_key
        owners: tuple[str | None, ...] = (tenant,)
        if name in self._orders:
            owners = (None, DEFAULT_TENANT) if tenant is None else (tenant, None)
        for entry in self._orders.get(name, self._states):
            provider, _, other_name = entry.partition(":")
            voices = offers.get(provider, {})
            matches = [voices[key] for owner in owners if (key := (owner, other_name or name)) in voices]
            if matches:
                yield Candidate(self._states[provider], matches[0])

    def _candidates_for(self, utterance: Utterance) -> tuple[Candidate, ...]:
        """Returns the candidates that can speak the utterance, in order. Raises UnsupportedByVoice."""
        able = tuple(
            candidate for candidate in self._of(utterance) if utterance.needs <= candidate.state.provider.abilities
        )
        if not able:
            features = " or ".join(FEATURES[ability] for ability in sorted(utterance.needs))
            raise UnsupportedByVoice(f"no provider of this voice supports {features}", param="voice_name")
        return able

    def _limit(self, synthesis: Synthesis, candidate: Candidate, following: Candidate | None) -> float:
        """Returns when the attempt times out: late enough for a busy provider, early enough for the next one."""
        deadline = synthesis.deadline
        if following is None:
            return deadline
        moment = asyncio.get_running_loop().time()
        utterance, seconds = synthesis.utterance, synthesis.estimated_seconds
        share = max(LEAST_SECONDS, FORECAST_FACTOR * candidate.state.forecast(utterance, seconds))
        aside = max(LEAST_SECONDS, FORECAST_FACTOR * following.state.forecast(utterance, seconds))
        return min(moment + share, deadline - min(aside, (deadline - moment) / 2))

    def _fall_back(self, synthesis: Synthesis, failed: Candidate, following: Candidate, reason: FallbackReason) -> None:
        """Records and reports a fallback from ``failed`` to ``following``."""
        self._reports.fell_back(failed.name, following.name, reason)
        synthesis.fallback = synthesis.fallback or (failed.name, reason)

    def _account(self, synthesis: Synthesis, attempt: Attempt) -> None:
        """Records and reports an attempt that has ended, and starts a check if its provider is now a suspect."""
        state, quality = attempt.candidate.state, attempt.quality
        ok = attempt.outcome is AttemptOutcome.OK
        record = attempt.record()
        synthesis.attempts.append(record)
        synthesis.quality = quality
        synthesis.sound = ok and not (quality and quality.faults)
        if quality is not None:
            self._reports.inspected(quality, synthesis.utterance)
        if ok:
            state.last_success = self._clock()
        if (ok or attempt.reason is not None) and state.breaker.record(ok, attempt.epoch):
            check = asyncio.create_task(self._check(state))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)
        self._reports.attempted(record, synthesis.utterance)

    async def _check(self, state: ProviderState) -> bool:
        """Checks a provider whose attempts failed: the provider is at fault if the check fails, otherwise the texts."""
        well = await state.check()
        if well:
            state.breaker.acquit()
        elif state.breaker.closed:
            state.breaker.trip()
            self._reports.available(state.name, False)
        return well

    async def _is_unspeakable(self, synthesis: Synthesis) -> bool:
        """Whether the text is at fault: all tried providers made faulty audio of it, yet pass a check in time."""
        if {attempt.outcome for attempt in synthesis.attempts} != {AttemptOutcome.FAULTY}:
            return False
        suspects = [self._states[attempt.provider] for attempt in synthesis.attempts]
        try:
            async with asyncio.timeout_at(synthesis.deadline):
                return all(await asyncio.gather(*map(self._check, suspects)))
        except TimeoutError:
            return False
