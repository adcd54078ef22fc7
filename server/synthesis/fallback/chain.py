"""Providers in the order in which they are asked: when one fails before the first byte, the next one speaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Protocol

from otel.contract.values import AttemptOutcome, FallbackReason
from server.audio.quality import Quality
from server.errors import EngineFailed, SpeechError, UnknownVoice, UnspeakableText, UnsupportedByVoice
from server.logs import LOGGER
from server.providers.provider import Load, Provider, ServerReports
from server.synthesis.fallback.attempt import Attempt
from server.synthesis.fallback.provider_state import Candidate, ProviderState
from server.synthesis_record import AttemptRecord, Synthesis
from server.utterance import Ability, Chunk, Listener, Utterance, Voice

PATIENCE = 5.0
"""Times the forecast of a provider that its attempt may take while another one could still speak."""
LEAST_SECONDS = 10.0
"""Of any turn, and of what is set aside for the next provider, as far as the budget allows."""
RATE_SECONDS = 0.1
"""For which the rate is remembered. It moves in many seconds; a provider's load is a sum over all that it has to do,
and in an overload each refusal asks for it."""

ABILITIES = {Ability.MARKUP: "SSML", Ability.WORD_TIMES: "timestamps"}
"""As clients ask for them."""

log = logging.getLogger(f"{LOGGER}.chain")


class ChainReports(ServerReports, Protocol):
    """What a chain tells of its providers beside what they tell themselves."""

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None:
        """A provider's attempt has ended."""
        ...

    def inspected(self, quality: Quality, utterance: Utterance) -> None:
        """A clip was made, and judged."""
        ...

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        """``following`` is asked for what ``failed`` could not do."""
        ...

    def available(self, provider: str, available: bool) -> None:
        """Whether the provider may be sent requests."""
        ...


class ProviderReports:
    """What one provider of a chain tells of itself. See server.providers.provider.Reports."""

    def __init__(self, member: ProviderState, chain: FallbackChain, reports: ChainReports) -> None:
        self._member = member
        self._chain = chain
        self._reports = reports

    def loaded(self, voice: str, seconds: float) -> None:
        self._reports.loaded(voice, seconds)

    def batch(self, size: int, padding: float) -> None:
        self._reports.batch(size, padding)

    def worker_restarted(self, worker: str) -> None:
        self._reports.worker_restarted(worker)

    def stopped(self) -> None:
        self._member.running = False
        self._reports.available(self._member.name, False)

    def resumed(self) -> None:
        """A breaker that has opened meanwhile is for a probe to close, which is due by then."""
        self._member.running = True
        self._chain.refresh()
        self._reports.available(self._member.name, self._member.available)

    def lost(self, error: Exception) -> None:
        self._member.running, self._member.lost = False, True
        self._reports.available(self._member.name, False)
        if all(member.lost or not member.started for member in self._chain.members):
            self._reports.lost(error)
        else:
            log.error("a provider is lost, the others go on without it", extra={"provider": self._member.name})


class FallbackChain:
    """Offers every voice of its providers; if the first of a voice fails before the first byte, the next is asked."""

    def __init__(
        self, providers: Sequence[Provider], reports: ChainReports, orders: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """``providers`` in the order in which they are asked. ``orders`` says otherwise for a voice: providers by name,
        each with another voice of its own behind a colon where it lacks this one, as in {"joe": ["remote:alloy"]}."""
        self._members = {provider.name: ProviderState(provider) for provider in providers}
        self._reports = reports
        self._orders = dict(orders or {})
        self._choices: dict[str, tuple[Candidate, ...]] = {}
        self._voices: dict[str, Voice] = {}
        self._rate, self._rate_until = 0.0, float("-inf")
        self._trials: set[asyncio.Task[bool]] = set()
        """Checks of providers that are suspected to be broken."""
        self._choose()

    @property
    def members(self) -> tuple[ProviderState, ...]:
        return tuple(self._members.values())

    def voices(self) -> dict[str, Voice]:
        """The voices that can be asked for, by name: each as its first provider speaks it."""
        return self._voices

    def first(self, voice: str) -> str:
        """The name of the provider that is asked first; empty for a voice that is gone."""
        return self._choices[voice][0].member.name if voice in self._choices else ""

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio the utterance will be. Raises UnknownVoice for a voice that is gone."""
        return self._of(utterance)[0].member.provider.estimate(utterance)

    @property
    def able(self) -> bool:
        """Whether anybody could speak. Breakers are left out: a provider that has failed of late is still asked when
        there is no other, and a server should not be taken for dead because others' texts have failed."""
        return any(member.able for member in self.members)

    @property
    def rate(self) -> float:
        """Of the first provider that is available, as it was within the last RATE_SECONDS."""
        now = time.monotonic()
        if now >= self._rate_until:
            members = self.members
            asked = next((member for member in members if member.available), members[0])
            self._rate, self._rate_until = asked.provider.load().rate, now + RATE_SECONDS
        return self._rate

    def load(self) -> Load:
        """The pace of the first provider that is available, and what waits for all of them."""
        loads = [member.provider.load() for member in self.members]
        return Load(self.rate, sum(load.depth for load in loads), sum(load.audio_seconds for load in loads))

    async def start(self) -> None:
        """Starts every provider; one that can't is left out. Raises EngineFailed when none can."""
        errors = await asyncio.gather(*(self._start(member) for member in self.members))
        if not any(member.started for member in self.members):
            raise next(error for error in errors if error is not None)
        self._choose()
        if not self._choices:
            raise EngineFailed("no provider has a voice")
        self._rate_until = float("-inf")

    async def close(self) -> None:
        for trial in self._trials:
            trial.cancel()
        await asyncio.gather(*(member.close() for member in self.members))

    def require(self, utterance: Utterance) -> None:
        """Raises UnsupportedByVoice when no provider of the voice can do what the utterance needs."""
        self._able(utterance)

    async def speak(
        self,
        utterance: Utterance,
        listener: Listener,
        synthesis: Synthesis,
        deadline: float,
        progress: Callable[[float], None],
    ) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio: a stream's as it is made, a whole answer's once it is made and judged.

        ``deadline`` is when a whole answer, or a stream's first audio, must be ready, in seconds of the loop's clock;
        what follows of a stream must come within as long again. ``progress`` is told of audio that was made, in
        seconds, negative when it was in vain. Who is asked, and what comes of it, is kept in ``synthesis``.

        Only who can do what the utterance needs is asked: UnsupportedByVoice if nobody can.

        Raises what the last provider failed with; UnspeakableText when all that were asked made faulty audio, of which
        none was given, and yet they pass a check; DeadlineExceeded when the time is over; NothingToSpeak and
        TextTooLong at once, since no other provider would do better.
        """
        began = asyncio.get_running_loop().time()
        choices = self._able(utterance)
        # With nobody available the first is asked all the same: a refusal would help nobody.
        asked = [choice for choice in choices if choice.member.available] or list(choices[:1])
        if asked[0] is not choices[0]:
            self._reports.fell_back(choices[0].member.name, asked[0].member.name, FallbackReason.UNAVAILABLE)
            synthesis.fallback = (choices[0].member.name, FallbackReason.UNAVAILABLE)
        for choice, following in zip(asked, [*asked[1:], None], strict=True):
            until = self._patience(utterance, choice, following, deadline)
            ended = partial(self._ended, utterance, synthesis)
            turn = Attempt(choice, utterance, listener, until, deadline - began, ended=ended)
            synthesis.first_choice = choice is choices[0]
            try:
                async with aclosing(turn.chunks(progress)) as chunks:
                    async for chunk in chunks:
                        synthesis.provider = choice.member.name
                        yield chunk
            except Exception as error:  # whatever is wrong with one provider, another may speak
                reason = turn.reason
                if reason is None or following is None or (listener.streamed and turn.begun):
                    if not turn.begun and await self._is_unspeakable(synthesis, deadline):
                        raise UnspeakableText("the text can't be spoken as it is written", param="text") from error
                    raise
                name = choice.member.name
                self._reports.fell_back(name, following.member.name, reason)
                synthesis.fallback = synthesis.fallback or (name, reason)
                log.warning(
                    "a provider failed, the next one is asked",
                    extra={"provider": name, "following": following.member.name, "reason": str(reason)},
                )
                progress(-turn.made)
            else:
                return

    def refresh(self) -> None:
        """Offers what its providers have now: a voice may have come, or gone."""
        self._choose()

    def _of(self, utterance: Utterance) -> tuple[Candidate, ...]:
        choices = self._choices.get(utterance.voice.name)
        if choices is None:  # deleted since the request was read
            raise UnknownVoice("this voice does not exist any more", param="voice_name")
        return choices

    async def _start(self, member: ProviderState) -> SpeechError | None:
        try:
            await member.provider.start(ProviderReports(member, self, self._reports))
        except SpeechError as error:
            log.error("a provider can't speak", extra={"provider": member.name, "reason": error.message})
            self._reports.available(member.name, False)
            return error
        member.started = True
        member.spoke = time.monotonic()
        self._reports.available(member.name, member.available)
        return None

    def _choose(self) -> None:
        """Who speaks for each voice, by what the providers have."""
        voices = {name: {v.name: v for v in member.provider.voices()} for name, member in self._members.items()}
        names = dict.fromkeys(voice for known in voices.values() for voice in known)
        self._choices = {}
        for name in dict.fromkeys((*names, *self._orders)):
            order = [entry.partition(":") for entry in self._orders.get(name, self._members)]
            found = [
                (self._members[provider], voices[provider].get(theirs or name))
                for provider, _, theirs in order
                if provider in voices
            ]
            choices = tuple(Candidate(member, voice) for member, voice in found if voice is not None)
            if choices:
                self._choices[name] = choices
        self._voices = {name: replace(choices[0].voice, name=name) for name, choices in self._choices.items()}

    def _able(self, utterance: Utterance) -> tuple[Candidate, ...]:
        """Who can speak it, in order."""
        able = tuple(choice for choice in self._of(utterance) if utterance.needs <= choice.member.provider.abilities)
        if not able:
            wanted = " or ".join(ABILITIES[ability] for ability in sorted(utterance.needs))
            raise UnsupportedByVoice(f"no provider of this voice supports {wanted}", param="voice_name")
        return able

    def _patience(self, utterance: Utterance, choice: Candidate, following: Candidate | None, deadline: float) -> float:
        """When the attempt is given up: late enough for a busy provider, early enough for the next one to speak."""
        if following is None:
            return deadline
        now = asyncio.get_running_loop().time()
        own = max(LEAST_SECONDS, PATIENCE * choice.member.forecast(utterance))
        aside = max(LEAST_SECONDS, PATIENCE * following.member.forecast(utterance))
        return min(now + own, deadline - min(aside, (deadline - now) / 2))

    def _ended(self, utterance: Utterance, synthesis: Synthesis, turn: Attempt) -> None:
        """Keeps the account of an attempt."""
        member = turn.choice.member
        account = turn.account()
        synthesis.attempts.append(account)
        synthesis.quality = turn.quality
        synthesis.sound = turn.outcome is AttemptOutcome.OK and not (turn.quality and turn.quality.faults)
        if turn.quality is not None:
            self._reports.inspected(turn.quality, utterance)
        ok = turn.outcome is AttemptOutcome.OK
        if ok:
            member.spoke = time.monotonic()
        if (ok or turn.reason is not None) and member.breaker.record(ok, turn.epoch):
            trial = asyncio.create_task(self._try(member))
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        self._reports.attempted(account, utterance)

    async def _try(self, member: ProviderState) -> bool:
        """Checks a member whose attempts failed: if it fails that too it is broken, else its texts were odd."""
        well = await member.check()
        if well:
            member.breaker.acquit()
        elif member.breaker.closed:
            member.breaker.trip()
            self._reports.available(member.name, False)
        return well

    async def _is_unspeakable(self, synthesis: Synthesis, deadline: float) -> bool:
        """Whether the text is at fault: all who were asked made faulty audio of it, and all pass a check in time."""
        if {attempt.outcome for attempt in synthesis.attempts} != {AttemptOutcome.FAULTY}:
            return False
        suspects = [self._members[attempt.provider] for attempt in synthesis.attempts]
        try:
            async with asyncio.timeout_at(deadline):
                return all(await asyncio.gather(*map(self._try, suspects)))
        except TimeoutError:
            return False
