"""Providers in the order in which they are asked: when one fails before the first byte, the next one speaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from otel.contract.values import AttemptOutcome, FallbackReason
from server.errors import EngineFailed, SpeechError, UnknownVoice, UnspeakableText, UnsupportedByVoice
from server.logs import LOGGER
from server.providers.provider import Load, Provider
from server.record import Synthesis
from server.synthesis.admission import SynthesisSlot
from server.synthesis.fallback.attempt import Attempt
from server.synthesis.fallback.provider_state import Candidate, ProviderState
from server.synthesis.fallback.reports import ChainReports
from server.utterance import Ability, Chunk, Utterance, Voice

FORECAST_FACTOR = 5.0
"""Times the forecast of a provider that its attempt may take while another one could still speak."""
LEAST_SECONDS = 10.0
"""The least time of an attempt, and the least that is set aside for the next provider, as far as the budget allows."""
RATE_SECONDS = 0.1
"""The time for which the rate is remembered. It changes over many seconds; a provider's load is a sum over all that it
has to do, and in an overload each refusal asks for it."""

ABILITIES = {Ability.MARKUP: "SSML", Ability.WORD_TIMES: "timestamps"}
"""The names by which clients ask for abilities."""

log = logging.getLogger(f"{LOGGER}.chain")


class ProviderReports:
    """The receiver of one provider's reports. See server.providers.provider.Reports."""

    def __init__(self, state: ProviderState, chain: FallbackChain, reports: ChainReports) -> None:
        self._state = state
        self._chain = chain
        self._reports = reports

    def loaded(self, voice: str, seconds: float) -> None:
        self._reports.loaded(voice, seconds)

    def batch(self, size: int, padding: float) -> None:
        self._reports.batch(size, padding)

    def worker_restarted(self, worker: str) -> None:
        self._reports.worker_restarted(worker)

    def stopped(self) -> None:
        self._state.running = False
        self._reports.available(self._state.name, False)

    def resumed(self) -> None:
        """A breaker that has opened meanwhile is for a probe to close, which is due by then."""
        self._state.running = True
        self._chain.refresh()
        self._reports.available(self._state.name, self._state.available)

    def lost(self, error: Exception) -> None:
        self._state.running, self._state.lost = False, True
        self._reports.available(self._state.name, False)
        if all(state.lost or not state.started for state in self._chain.states):
            self._reports.lost(error)
        else:
            log.error("a provider is lost, the others go on without it", extra={"provider": self._state.name})


class FallbackChain:
    """Offers every voice of its providers; if the first of a voice fails before the first byte, the next is asked."""

    def __init__(
        self, providers: Sequence[Provider], reports: ChainReports, orders: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """``providers`` in the order in which they are asked. ``orders`` says otherwise for a voice: providers by name,
        each with another voice of its own behind a colon where it lacks this one, as in {"joe": ["remote:alloy"]}."""
        self._states = {provider.name: ProviderState(provider) for provider in providers}
        self._reports = reports
        self._orders = dict(orders or {})
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        self._voices: dict[str, Voice] = {}
        self._rate, self._rate_until = 0.0, float("-inf")
        self._checks: set[asyncio.Task[bool]] = set()
        """Checks of providers that are suspected to be broken."""
        self._choose()

    @property
    def states(self) -> tuple[ProviderState, ...]:
        return tuple(self._states.values())

    def voices(self) -> dict[str, Voice]:
        """The voices that can be asked for, by name: each as its first provider speaks it."""
        return self._voices

    def first(self, voice: str) -> str:
        """The name of the provider that is asked first; empty for a voice that is gone."""
        return self._candidates[voice][0].state.name if voice in self._candidates else ""

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio the utterance will be. Raises UnknownVoice for a voice that is gone."""
        return self._of(utterance)[0].state.provider.estimate(utterance)

    @property
    def able(self) -> bool:
        """Whether anybody could speak. Breakers are left out: a provider that has failed of late is still asked when
        there is no other, and a server should not be taken for dead because others' texts have failed."""
        return any(state.able for state in self.states)

    @property
    def rate(self) -> float:
        """The pace of the first provider that is available, as it was within the last RATE_SECONDS."""
        moment = time.monotonic()
        if moment >= self._rate_until:
            states = self.states
            first = next((state for state in states if state.available), states[0])
            self._rate, self._rate_until = first.provider.load().rate, moment + RATE_SECONDS
        return self._rate

    def load(self) -> Load:
        """Returns the pace of the first provider that is available, and what waits for all of them."""
        loads = [state.provider.load() for state in self.states]
        return Load(self.rate, sum(load.depth for load in loads), sum(load.audio_seconds for load in loads))

    async def start(self) -> None:
        """Starts every provider; one that can't is left out. Raises EngineFailed when none can."""
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
        """Raises UnsupportedByVoice when no provider of the voice can do what the utterance needs."""
        self._candidates_for(utterance)

    async def speak(self, synthesis: Synthesis, slot: SynthesisSlot) -> AsyncGenerator[Chunk, None]:
        """The audio of the synthesis: a stream's as it is made, a whole answer's once it is made and judged.

        Only providers that can do what the utterance needs are asked. Their attempts are noted in the synthesis;
        ``slot`` learns of the audio that they make, and of what was made in vain.

        Raises what the last provider failed with; UnsupportedByVoice if no provider can do what is needed;
        UnspeakableText when all that were asked made faulty audio, of which none was given, and yet they pass a check;
        DeadlineExceeded when the time is over; NothingToSpeak and TextTooLong at once, since no other provider would do
        better.
        """
        synthesis.stall_seconds = synthesis.deadline - asyncio.get_running_loop().time()
        candidates = self._candidates_for(synthesis.utterance)
        # With nobody available the first is asked all the same: a refusal would help nobody.
        order = [candidate for candidate in candidates if candidate.state.available] or list(candidates[:1])
        if order[0] is not candidates[0]:
            self._fall_back(synthesis, candidates[0], order[0], FallbackReason.UNAVAILABLE)
        for candidate, following in zip(order, [*order[1:], None], strict=True):
            attempt = Attempt(synthesis, candidate, self._limit(synthesis, candidate, following))
            synthesis.first_choice = candidate is candidates[0]
            try:
                try:
                    async with aclosing(attempt.stream(slot)) as chunks:
                        async for chunk in chunks:
                            synthesis.provider = candidate.name
                            yield chunk
                finally:
                    self._account(synthesis, attempt)
            except Exception as error:  # whatever is wrong with one provider, another may speak
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
        """Offers the voices that its providers have now: one may have come, or gone."""
        self._choose()

    def _of(self, utterance: Utterance) -> tuple[Candidate, ...]:
        candidates = self._candidates.get(utterance.voice.name)
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
        state.last_success = time.monotonic()
        self._reports.available(state.name, state.available)
        return None

    def _choose(self) -> None:
        """Finds the candidates of each voice, by the voices that the providers have."""
        voices = {name: {v.name: v for v in state.provider.voices()} for name, state in self._states.items()}
        names = dict.fromkeys(voice for offered in voices.values() for voice in offered)
        self._candidates = {}
        for name in dict.fromkeys((*names, *self._orders)):
            order = [entry.partition(":") for entry in self._orders.get(name, self._states)]
            offers = [
                (self._states[provider], voices[provider].get(other_name or name))
                for provider, _, other_name in order
                if provider in voices
            ]
            candidates = tuple(Candidate(state, voice) for state, voice in offers if voice is not None)
            if candidates:
                self._candidates[name] = candidates
        self._voices = {name: replace(candidates[0].voice, name=name) for name, candidates in self._candidates.items()}

    def _candidates_for(self, utterance: Utterance) -> tuple[Candidate, ...]:
        """Returns the candidates that can speak the utterance, in order. Raises UnsupportedByVoice."""
        able = tuple(
            candidate for candidate in self._of(utterance) if utterance.needs <= candidate.state.provider.abilities
        )
        if not able:
            features = " or ".join(ABILITIES[ability] for ability in sorted(utterance.needs))
            raise UnsupportedByVoice(f"no provider of this voice supports {features}", param="voice_name")
        return able

    def _limit(self, synthesis: Synthesis, candidate: Candidate, following: Candidate | None) -> float:
        """The time at which to give the attempt up: late enough for a busy provider, early enough for the next."""
        deadline = synthesis.deadline
        if following is None:
            return deadline
        moment = asyncio.get_running_loop().time()
        share = max(LEAST_SECONDS, FORECAST_FACTOR * candidate.state.forecast(synthesis.utterance))
        aside = max(LEAST_SECONDS, FORECAST_FACTOR * following.state.forecast(synthesis.utterance))
        return min(moment + share, deadline - min(aside, (deadline - moment) / 2))

    def _fall_back(self, synthesis: Synthesis, failed: Candidate, following: Candidate, reason: FallbackReason) -> None:
        """Notes and reports that ``following`` is asked for what ``failed`` could not do."""
        self._reports.fell_back(failed.name, following.name, reason)
        synthesis.fallback = synthesis.fallback or (failed.name, reason)

    def _account(self, synthesis: Synthesis, attempt: Attempt) -> None:
        """Notes and reports an attempt that has ended, and has its provider checked if it failed too often."""
        state, quality = attempt.candidate.state, attempt.quality
        ok = attempt.outcome is AttemptOutcome.OK
        record = attempt.record()
        synthesis.attempts.append(record)
        synthesis.quality = quality
        synthesis.sound = ok and not (quality and quality.faults)
        if quality is not None:
            self._reports.inspected(quality, synthesis.utterance)
        if ok:
            state.last_success = time.monotonic()
        if (ok or attempt.reason is not None) and state.breaker.record(ok, attempt.epoch):
            check = asyncio.create_task(self._check(state))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)
        self._reports.attempted(record, synthesis.utterance)

    async def _check(self, state: ProviderState) -> bool:
        """Checks a provider whose attempts failed: if it fails that too it is broken, else its texts were odd."""
        well = await state.check()
        if well:
            state.breaker.acquit()
        elif state.breaker.closed:
            state.breaker.trip()
            self._reports.available(state.name, False)
        return well

    async def _is_unspeakable(self, synthesis: Synthesis) -> bool:
        """Whether the text is at fault: all that were asked made faulty audio of it, and all pass a check in time."""
        if {attempt.outcome for attempt in synthesis.attempts} != {AttemptOutcome.FAULTY}:
            return False
        suspects = [self._states[attempt.provider] for attempt in synthesis.attempts]
        try:
            async with asyncio.timeout_at(synthesis.deadline):
                return all(await asyncio.gather(*map(self._check, suspects)))
        except TimeoutError:
            return False
