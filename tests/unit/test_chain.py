"""Faults at the seam of providers: what a listener gets, how soon, and what is told of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from otel.contract.values import AttemptOutcome, FallbackReason
from server.audio.quality import Quality
from server.errors import (
    DeadlineExceeded,
    EngineFailed,
    NothingToSpeak,
    ReplicaLost,
    SpeechError,
    UnknownVoice,
    UnspeakableText,
    UnsupportedByVoice,
)
from server.providers.health_check import check_speech
from server.record import AttemptRecord, Synthesis
from server.synthesis.fallback import chain as module
from server.synthesis.fallback import probes as probes_module
from server.synthesis.fallback import provider_state as member_module
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.fallback.probes import Probes
from server.utterance import Ability, Chunk, Listener, Passage, Utterance, Voice
from tests import humming_provider
from tests.counting_engine import until
from tests.humming_provider import JOE, HummingProvider, failing, hummed_seconds

TEXT = "One two three four five six seven. Eight nine ten eleven twelve thirteen."
UTTERANCE = Utterance(TEXT, JOE, "en", 13, len(TEXT))


class Told(humming_provider.Told):
    """What the chain told, besides what its providers did."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[AttemptRecord] = []
        self.fallbacks: list[tuple[str, str, FallbackReason]] = []
        self.availability: list[tuple[str, bool]] = []
        self.faults: Counter[str] = Counter()

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None:
        self.attempts.append(attempt)

    def inspected(self, quality: Quality, utterance: Utterance) -> None:
        self.faults.update(map(str, quality.faults))

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        self.fallbacks.append((failed, following, reason))

    def available(self, provider: str, available: bool) -> None:
        self.availability.append((provider, available))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(attempt.provider, str(attempt.outcome)) for attempt in self.attempts]


def first(**state: object) -> HummingProvider:
    """The provider that is asked first, in the given state."""
    provider = HummingProvider(name="first", pitch=220)
    for name, value in state.items():
        setattr(provider, name, value)
    return provider


def second() -> HummingProvider:
    return HummingProvider(name="second", pitch=440)


class Stage:
    """A started chain, and somebody who listens."""

    def __init__(self, *providers: HummingProvider, orders: dict[str, tuple[str, ...]] | None = None) -> None:
        self.told = Told()
        self.chain = FallbackChain(providers, self.told, orders)
        self.synthesis = Synthesis(UTTERANCE, Listener(True))
        self.made = 0.0

    async def speak(
        self, *, stream: bool = False, budget: float = 5.0, utterance: Utterance = UTTERANCE, client: str = ""
    ) -> list[Chunk]:
        self.synthesis = Synthesis(utterance, Listener(stream, client))
        async with aclosing(self.spoken(budget)) as chunks:
            return [chunk async for chunk in chunks]

    def spoken(self, budget: float) -> AsyncGenerator[Chunk, None]:
        """The audio of ``synthesis``, as the chain gives it."""
        self.synthesis.deadline = asyncio.get_running_loop().time() + budget
        return self.chain.speak(self.synthesis, self)

    def progress(self, seconds: float) -> None:
        self.made += seconds


async def staged(*providers: HummingProvider, **options: dict[str, tuple[str, ...]]) -> Stage:
    stage = Stage(*providers, **options)
    await stage.chain.start()
    return stage


def pitch(chunks: list[Chunk]) -> int:
    """What was hummed, in Hz: who spoke."""
    samples = np.concatenate([chunk.samples for chunk in chunks])
    spectrum = np.abs(np.fft.rfft(samples))
    return round(int(spectrum.argmax()) * chunks[0].sample_rate / len(samples) / 10) * 10


WHOLE = sum(hummed_seconds(sentence, UTTERANCE) for sentence in TEXT.split(".") if sentence)

BROKEN = {
    "fails at once": ({"failure": EngineFailed("no")}, "error"),
    "fails in the middle": ({"failure": EngineFailed("no"), "fail_after": 1}, "error"),
    "has a mistake": ({"failure": ZeroDivisionError()}, "error"),
    "is silent": ({"sound": 0.0}, "faulty"),
    "gives NaN": ({"sound": float("nan")}, "faulty"),
    "gives less than half": ({"share": 0.4}, "faulty"),
}


async def test_the_first_one_speaks_while_it_can() -> None:
    stage = await staged(first(), second())
    assert pitch(await stage.speak()) == 220
    assert stage.told.outcomes == [("first", "ok")]
    assert not stage.told.fallbacks
    assert (stage.synthesis.provider, stage.synthesis.first_choice, stage.synthesis.sound) == ("first", True, True)
    assert stage.made == pytest.approx(WHOLE, abs=0.01)


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_whole_answer_is_spoken_by_the_next_whatever_is_wrong(fault: str) -> None:
    state, outcome = BROKEN[fault]
    stage = await staged(first(**state), second())
    chunks = await stage.speak()
    assert pitch(chunks) == 440
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(WHOLE, abs=0.01)  # nothing of the first one
    assert stage.told.outcomes == [("first", outcome), ("second", "ok")]
    assert stage.told.fallbacks == [("first", "second", FallbackReason(outcome))]
    assert stage.synthesis.fallback == ("first", FallbackReason(outcome))
    assert (stage.synthesis.provider, stage.synthesis.first_choice) == ("second", False)
    assert stage.made == pytest.approx(WHOLE, abs=0.01)


@pytest.mark.parametrize("fault", ["fails at once", "has a mistake", "is silent", "gives NaN"])
async def test_a_stream_falls_back_before_its_first_byte(fault: str) -> None:
    stage = await staged(first(**BROKEN[fault][0]), second())
    assert pitch(await stage.speak(stream=True)) == 440


async def test_a_stream_may_begin_with_a_moment_of_silence() -> None:
    stage = await staged(first(lead=(0.4, 0.4)), second())
    chunks = await stage.speak(stream=True)
    assert pitch(chunks) == 220
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(WHOLE + 0.8, abs=0.01)
    assert not chunks[0].samples.any()


async def test_a_stream_of_silence_falls_back_before_any_of_it_is_sent() -> None:
    stage = await staged(first(lead=(0.4, 0.4, 0.4)), second())
    chunks = await stage.speak(stream=True)
    assert pitch(chunks) == 440
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(WHOLE, abs=0.01)
    assert stage.told.outcomes == [("first", "faulty"), ("second", "ok")]


class Repeating(HummingProvider):
    """Repeats its audio for a seed, and remembers those that it was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.abilities = frozenset({Ability.SEED})
        self.seeds: list[int | None] = []

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.seeds.append(utterance.seed)
        return super().speak(utterance, listener)


async def test_a_seed_is_the_stated_one_or_drawn_and_the_same_for_every_attempt() -> None:
    broken, well = Repeating(name="first", pitch=220), Repeating(name="second", pitch=440)
    broken.failure = EngineFailed("no")
    stage = await staged(broken, well)
    await stage.speak(utterance=replace(UTTERANCE, seed=7, exact=True))
    assert (broken.seeds, well.seeds, stage.synthesis.seed) == ([7], [7], 7)
    await stage.speak()
    assert broken.seeds[1] == well.seeds[1] == stage.synthesis.seed
    await stage.speak()
    assert len(set(well.seeds)) == 3


async def test_the_next_take_of_a_stated_seed_has_the_one_after_it() -> None:
    provider = Repeating(name="first")
    stage = await staged(provider)
    stage.synthesis = Synthesis(replace(UTTERANCE, seed=7, exact=True), take=2)
    async with aclosing(stage.spoken(5.0)) as chunks:
        assert [chunk async for chunk in chunks]
    assert (provider.seeds, stage.synthesis.seed) == ([9], 9)


async def test_audio_that_its_provider_cant_repeat_has_no_seed() -> None:
    able = Repeating(name="first")
    able.failure = EngineFailed("no")
    stage = await staged(able, second())
    assert await stage.speak(utterance=replace(UTTERANCE, seed=7, exact=True))
    assert stage.synthesis.provider == "second"
    assert stage.synthesis.seed is None


async def test_a_stream_that_has_begun_breaks_off() -> None:
    stage = await staged(first(failure=EngineFailed("no"), fail_after=1), second())
    with pytest.raises(EngineFailed):
        await stage.speak(stream=True)
    assert stage.told.outcomes == [("first", "error")]


async def test_a_stream_that_turns_out_far_too_short_breaks_off() -> None:
    stage = await staged(first(share=0.4), second())
    with pytest.raises(EngineFailed):
        await stage.speak(stream=True)
    assert stage.told.outcomes == [("first", "faulty")]


@pytest.mark.parametrize("stream", [False, True])
async def test_who_hangs_is_given_up_in_time_for_the_next(stream: bool) -> None:
    hanging = first()
    hanging.gate.clear()
    stage = await staged(hanging, second())
    began = asyncio.get_running_loop().time()
    assert pitch(await stage.speak(stream=stream, budget=0.6)) == 440
    assert asyncio.get_running_loop().time() - began < 0.6
    assert stage.told.outcomes == [("first", "timeout"), ("second", "ok")]
    assert hanging.closed_generators == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_when_all_hang_the_budget_is_kept(stream: bool) -> None:
    providers = first(), second()
    for provider in providers:
        provider.gate.clear()
    stage = await staged(*providers)
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceeded):
        await stage.speak(stream=stream, budget=0.4)
    assert 0.3 < asyncio.get_running_loop().time() - began < 2
    assert stage.told.outcomes == [("first", "timeout"), ("second", "timeout")]


async def test_a_stream_that_hangs_in_its_middle_ends() -> None:
    provider = first()
    stage = await staged(provider, second())
    chunks = stage.spoken(0.3)
    await anext(chunks)
    provider.gate.clear()
    with pytest.raises(DeadlineExceeded):
        await anext(chunks)


async def test_who_is_busy_is_not_given_up_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.01)
    busy = first(rate=WHOLE / 0.2)  # by its own forecast it needs .2 s
    stage = await staged(busy, second())
    busy.gate.clear()
    asyncio.get_running_loop().call_later(0.3, busy.gate.set)
    assert pitch(await stage.speak()) == 220


async def test_a_text_that_cant_be_spoken_is_nobodys_fault() -> None:
    stage = await staged(first(failure=NothingToSpeak("no", param="text")), second())
    for _ in range(10):
        with pytest.raises(NothingToSpeak):
            await stage.speak()
    assert set(stage.told.outcomes) == {("first", "rejected")}
    assert stage.chain.states[0].available


async def test_who_fails_is_not_asked_any_more_until_a_probe_finds_it_well() -> None:
    broken = first(failure=EngineFailed("no"))
    stage = await staged(broken, second())
    for _ in range(5):
        assert pitch(await stage.speak()) == 440
    assert [name for name, _ in stage.told.outcomes] == ["first", "second"] * 3 + ["second"] * 2
    assert stage.told.fallbacks[-1] == ("first", "second", FallbackReason.UNAVAILABLE)
    assert stage.told.availability == [("first", True), ("second", True), ("first", False)]
    probes = asyncio.create_task(Probes(stage.chain.states, stage.told).run())
    try:
        async with asyncio.timeout(10):
            while not broken.checks:
                await asyncio.sleep(0.01)
            assert not stage.chain.states[0].available
            broken.failure = None
            while not stage.chain.states[0].available:
                await asyncio.sleep(0.01)
    finally:
        probes.cancel()
        await asyncio.gather(probes, return_exceptions=True)
    assert stage.told.availability[-1] == ("first", True)
    assert pitch(await stage.speak()) == 220


async def test_who_flaps_is_left_alone_too() -> None:
    flapping = first()
    stage = await staged(flapping, second())
    for number in range(6):
        flapping.failure = EngineFailed("no") if number % 2 else None
        await stage.speak()
    assert not stage.chain.states[0].available


async def test_with_nobody_available_the_first_is_asked_all_the_same() -> None:
    broken = [failing(EngineFailed("no")), failing(EngineFailed("no"))]
    broken[0].name, broken[1].name = "first", "second"
    stage = await staged(*broken)
    for _ in range(4):
        with pytest.raises(EngineFailed):
            await stage.speak()
    async with asyncio.timeout(10):
        while any(member.available for member in stage.chain.states):
            await asyncio.sleep(0.01)
    broken[0].failure = None
    assert pitch(await stage.speak()) == 220


async def until_tried(*providers: HummingProvider) -> None:
    """Waits until each has been checked."""
    async with asyncio.timeout(10):
        while not all(provider.checks for provider in providers):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)


@pytest.mark.parametrize("clients", [("a",), ("a", "b", "c")])
@pytest.mark.parametrize("texts", [(TEXT,), (TEXT, "And another one of these.", "The third.")])
@pytest.mark.parametrize("state", [{"sound": 0.0}, {"failure": EngineFailed("no")}])
async def test_requests_alone_open_no_breaker(
    state: dict[str, object], texts: tuple[str, ...], clients: tuple[str, ...]
) -> None:
    class Well(HummingProvider):
        async def check(self) -> None:
            self.checks += 1

    suspect = Well(name="first", pitch=220)
    for name, value in state.items():
        setattr(suspect, name, value)
    stage = await staged(suspect, second())
    for number in range(20):
        text = texts[number % len(texts)]
        utterance = replace(UTTERANCE, text=text, characters=len(text))
        chunks = await stage.speak(utterance=utterance, client=clients[number % len(clients)])
        assert pitch(chunks) == 440
    await until_tried(suspect)
    assert stage.chain.states[0].available
    assert [name for name, _ in stage.told.outcomes] == ["first", "second"] * 20
    assert all(available for _, available in stage.told.availability)
    assert suspect.checks <= 20 / 3


async def test_one_client_with_ordinary_texts_opens_the_breaker_of_a_broken_engine() -> None:
    stage = await staged(first(failure=EngineFailed("no")), second())
    for text in (TEXT, "And another one of these.", "The third of them."):
        utterance = replace(UTTERANCE, text=text, characters=len(text))
        assert pitch(await stage.speak(utterance=utterance, client="only")) == 440
    async with asyncio.timeout(10):
        while stage.chain.states[0].available:
            await asyncio.sleep(0.01)
    assert stage.told.availability[-1] == ("first", False)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_that_nobody_can_speak_is_the_clients_mistake(stream: bool) -> None:
    providers = [HummingProvider(name=name) for name in ("first", "second")]
    for provider in providers:
        provider.sound = 0.0
    stage = await staged(*providers)
    for _ in range(10):
        with pytest.raises(UnspeakableText) as caught:
            await stage.speak(stream=stream)
        assert (caught.value.status, caught.value.side, caught.value.param) == (422, "client", "text")
    assert all(member.available for member in stage.chain.states)
    assert set(stage.told.outcomes) == {("first", "faulty"), ("second", "faulty")}
    for provider in providers:
        provider.sound = 1.0
    assert pitch(await stage.speak(stream=stream)) == 220


async def test_silence_of_engines_that_fail_a_check_is_a_mistake_of_ours() -> None:
    class Mute(HummingProvider):
        async def check(self) -> None:
            await check_speech(self, JOE)

    providers = [Mute(name="first"), HummingProvider(name="second")]
    for provider in providers:
        provider.sound = 0.0
    stage = await staged(*providers)
    with pytest.raises(EngineFailed):
        await stage.speak()
    assert [member.available for member in stage.chain.states] == [False, True]
    assert stage.told.availability[-1] == ("first", False)
    with pytest.raises(UnspeakableText):
        await stage.speak()


async def test_errors_of_every_engine_are_a_mistake_of_ours_whatever_the_checks_say() -> None:
    class Well(HummingProvider):
        async def check(self) -> None: ...

    providers = [Well(name="first"), Well(name="second")]
    providers[0].sound, providers[1].failure = 0.0, EngineFailed("no")
    stage = await staged(*providers)
    for _ in range(4):
        with pytest.raises(EngineFailed):
            await stage.speak()
    assert all(member.available for member in stage.chain.states)


async def test_requests_that_fail_together_share_one_check() -> None:
    suspect = first(sound=0.0)
    stage = await staged(suspect, second())
    checking = asyncio.Event()

    async def check() -> None:
        suspect.checks += 1
        await checking.wait()

    suspect.check = check  # type: ignore[method-assign]
    for _ in range(10):
        assert pitch(await stage.speak()) == 440
    assert suspect.checks == 1
    checking.set()


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_check_that_is_late_says_nothing_of_who_speaks_meanwhile(
    speaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "CHECK_SECONDS", 0.3)
    busy = first()

    async def check() -> None:
        await asyncio.Event().wait()

    busy.check = check  # type: ignore[method-assign]
    stage = await staged(busy)
    checked = asyncio.create_task(stage.chain.states[0].check())
    await asyncio.sleep(0)
    if speaks:
        await stage.speak()
    assert await checked is speaks


async def test_a_standby_that_broke_unseen_is_found_by_a_check() -> None:
    standby = second()
    stage = await staged(first(), standby)
    standby.failure = EngineFailed("no")
    probes = asyncio.create_task(Probes(stage.chain.states, stage.told, idle_seconds=0.0).run())
    try:
        async with asyncio.timeout(10):
            while ("second", False) not in stage.told.availability:
                await asyncio.sleep(0.01)
    finally:
        probes.cancel()
        await asyncio.gather(probes, return_exceptions=True)


async def test_who_leaves_counts_against_nobody() -> None:
    provider = first()
    stage = await staged(provider, second())
    chunks = stage.spoken(5)
    await anext(chunks)
    await chunks.aclose()
    assert stage.told.outcomes == [("first", "cancelled")]
    assert provider.closed_generators == 1
    assert stage.synthesis.sound is False


async def test_a_voice_can_have_an_order_of_its_own_and_others_voices() -> None:
    orders = {"joe": ("second", "first"), "alias": ("second:kan",)}
    stage = await staged(first(), second(), orders=orders)
    assert pitch(await stage.speak()) == 440
    alias = stage.chain.voices()["alias"]
    assert (alias.name, alias.languages, alias.sample_rate) == ("alias", ("ja",), 24000)
    text = "abcdefghij"
    chunks = await stage.speak(utterance=Utterance(text, alias, "ja", 1, len(text)))
    assert chunks[0].sample_rate == 24000
    assert stage.told.attempts[-1].provider == "second"


class Owning(HummingProvider):
    """Has joe, and voices that tenants registered."""

    owned: tuple[Voice, ...] = ()

    def voices(self) -> tuple[Voice, ...]:
        return (JOE, *self.owned)


def owned(tenant: str, name: str) -> Voice:
    return replace(JOE, name=name, tenant=tenant, checksum=f"{tenant} {name}")


async def test_a_tenant_has_its_own_voices_and_those_that_are_everybodys() -> None:
    provider = Owning(name="first")
    provider.owned = (owned("alpha", "ann"), owned("beta", "ann"), owned("beta", "ben"))
    stage = await staged(provider)
    views = {tenant: stage.chain.voices(tenant) for tenant in (None, "alpha", "beta", "gamma")}
    assert {tenant: list(voices) for tenant, voices in views.items()} == {
        None: ["joe"], "alpha": ["joe", "ann"], "beta": ["joe", "ann", "ben"], "gamma": ["joe"]
    }  # fmt: skip
    assert views["alpha"]["ann"] == owned("alpha", "ann")
    assert views["beta"]["ann"] == owned("beta", "ann")
    assert set(stage.chain.registered) == set(provider.owned)
    provider.owned = provider.owned[1:]
    stage.chain.refresh()
    with pytest.raises(UnknownVoice):
        await stage.speak(utterance=replace(UTTERANCE, voice=owned("alpha", "ann")))
    assert await stage.speak(utterance=replace(UTTERANCE, voice=owned("beta", "ann")))


async def test_a_voice_that_is_installed_later_takes_precedence() -> None:
    provider = Owning(name="first")
    provider.owned = (owned("alpha", "joe"),)
    stage = await staged(provider)
    assert stage.chain.voices("alpha") == {"joe": JOE}
    assert stage.chain.registered == []


async def test_a_registered_voice_that_the_operator_names_is_the_default_tenants_and_everybodys() -> None:
    provider = Owning(name="first")
    provider.owned = (owned("alpha", "ann"), owned("default", "ann"))
    stage = await staged(provider, second(), orders={"joe": ("first:ann", "second")})
    voice = stage.chain.voices("gamma")["joe"]
    assert (voice.tenant, voice.label, voice.checksum) == (None, "joe", "default ann")
    assert stage.chain.voices("alpha")["joe"] == voice
    assert stage.chain.voices("alpha")["ann"] == owned("alpha", "ann")
    provider.owned = provider.owned[:1]
    stage.chain.refresh()
    assert stage.chain.voices("alpha")["joe"] == JOE


async def test_a_substitutes_language_is_one_that_it_speaks() -> None:
    stage = await staged(first(failure=EngineFailed("no")), second(), orders={"joe": ("first", "second:kan")})
    chunks = await stage.speak(utterance=replace(UTTERANCE, text="a" * 40, characters=40))
    assert chunks[0].sample_rate == 24000


async def test_who_cant_start_is_left_out_and_with_nobody_left_it_is_an_error() -> None:
    class Unable(HummingProvider):
        async def start(self, reports: object) -> None:
            raise EngineFailed("there is no such device")

    stage = await staged(Unable(name="first"), second())
    assert ("first", False) in stage.told.availability
    assert pitch(await stage.speak()) == 440
    with pytest.raises(SpeechError, match="no such device"):
        await staged(Unable(name="first"))


async def test_only_who_can_do_what_is_needed_is_asked() -> None:
    able = second()
    able.abilities = frozenset({Ability.MARKUP})
    stage = await staged(first(), able)
    marked = replace(UTTERANCE, passages=(Passage(UTTERANCE.text),))
    assert pitch(await stage.speak(utterance=marked)) == 440
    assert pitch(await stage.speak()) == 220
    for impossible in (replace(UTTERANCE, timed=True), replace(marked, timed=True)):
        with pytest.raises(UnsupportedByVoice, match="timestamps"):
            stage.chain.require(impossible)
        with pytest.raises(UnsupportedByVoice):
            await stage.speak(utterance=impossible)
    stage.chain.require(marked)


class NotingProvider(HummingProvider):
    """Notes the utterances that it gets."""

    def __init__(self, abilities: frozenset[Ability]) -> None:
        super().__init__()
        self.abilities = abilities
        self.utterances: list[Utterance] = []

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.utterances.append(utterance)
        return super().speak(utterance, listener)


@pytest.mark.parametrize("pauses", [True, False])
async def test_structure_is_spoken_by_everybody_with_pauses_where_a_provider_can(pauses: bool) -> None:
    passages = (Passage("One", pause=0.5), Passage("two"))
    structured = replace(UTTERANCE, passages=passages, structural=True)
    provider = NotingProvider(frozenset({Ability.MARKUP} if pauses else ()))
    stage = await staged(provider)
    stage.chain.require(structured)
    await stage.speak(utterance=structured)
    assert provider.utterances[-1] == (structured if pauses else UTTERANCE)


def test_outcomes_and_reasons_speak_alike() -> None:
    assert set(map(str, FallbackReason)) - {"unavailable"} <= set(map(str, AttemptOutcome))


async def test_a_provider_that_stops_is_passed_over_at_once_until_it_goes_on() -> None:
    chain = (stage := await staged(first(), second())).chain
    reports = chain.states[0].provider.reports
    reports.stopped()
    assert chain.able
    await stage.speak()
    assert stage.synthesis.provider == "second"
    assert stage.synthesis.fallback == ("first", FallbackReason.UNAVAILABLE)
    assert stage.told.outcomes == [("second", "ok")]  # it was not even asked
    reports.resumed()
    await stage.speak()
    assert stage.synthesis.provider == "first"
    told = [available for name, available in stage.told.availability if name == "first"]
    assert told == [True, False, True]


async def test_a_provider_that_goes_on_with_an_open_breaker_waits_for_its_probe() -> None:
    chain = (stage := await staged(first(), second())).chain
    member = chain.states[0]
    member.provider.reports.stopped()
    member.breaker.trip()
    member.provider.reports.resumed()
    assert stage.told.availability[-1] == ("first", False)
    assert member.able


async def test_a_provider_that_stopped_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = (stage := await staged(first(), second())).chain
    member = chain.states[0]
    member.breaker.cool_down = 0.0
    member.breaker.trip()
    member.provider.reports.stopped()
    monkeypatch.setattr(probes_module, "LOOK_SECONDS", 0.001)
    probing = asyncio.create_task(Probes(chain.states, stage.told).run())
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert member.provider.checks == 0
    member.provider.reports.resumed()
    await until(lambda: member.available)
    probing.cancel()


async def test_voices_are_those_of_a_provider_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = first()
    chain = (await staged(provider)).chain
    provider.reports.stopped()
    monkeypatch.setattr(provider, "voices", lambda: (JOE,))
    provider.reports.resumed()
    assert set(chain.voices()) == {"joe"}


async def test_only_when_every_provider_is_lost_is_the_server() -> None:
    stage = await staged(first(), second())
    lost: list[Exception] = []
    stage.told.lost = lost.append
    error = EngineFailed("beyond help")
    stage.chain.states[0].provider.reports.lost(error)
    assert lost == []
    assert stage.chain.able
    stage.chain.states[1].provider.reports.lost(error)
    assert lost == [error]
    assert not stage.chain.able


async def test_a_provider_that_could_not_start_does_not_keep_a_lost_server_up() -> None:
    stage = Stage(first(), second())

    async def fail(reports: object) -> None:
        raise EngineFailed("no such device")

    stage.chain.states[1].provider.start = fail
    await stage.chain.start()
    lost: list[Exception] = []
    stage.told.lost = lost.append
    stage.chain.states[0].provider.reports.lost(EngineFailed("beyond help"))
    assert len(lost) == 1


class Replicas(HummingProvider):
    """A provider whose first replicas are lost, each ``fail_after`` sentences."""

    def __init__(self, lost: int, fail_after: int = 0) -> None:
        super().__init__(name="replicas", pitch=220)
        self.lost = lost
        self.fail_after = fail_after

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.failure = ReplicaLost("lost") if self.lost else None
        self.lost = max(0, self.lost - 1)
        async with aclosing(super().speak(utterance, listener)) as chunks:
            async for chunk in chunks:
                yield chunk


@pytest.mark.parametrize(("stream", "fail_after"), [(True, 0), (False, 0), (False, 1)])
async def test_a_request_whose_replica_is_lost_before_the_first_byte_goes_to_another(
    stream: bool, fail_after: int
) -> None:
    stage = await staged(Replicas(lost=1, fail_after=fail_after), second())
    chunks = await stage.speak(stream=stream)
    assert pitch(chunks) == 220
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(WHOLE, abs=0.01)
    assert stage.told.fallbacks == [("replicas", "replicas", FallbackReason.ERROR)]
    assert stage.told.outcomes == [("replicas", "error"), ("replicas", "ok")]
    assert stage.made == pytest.approx(WHOLE, abs=0.01)


async def test_a_stream_whose_replica_is_lost_after_the_first_byte_is_cut() -> None:
    stage = await staged(Replicas(lost=1, fail_after=1), second())
    with pytest.raises(ReplicaLost):
        await stage.speak(stream=True)
    assert stage.told.fallbacks == []
    assert stage.told.outcomes == [("replicas", "error")]


async def test_a_text_that_ends_every_replica_ends_three_of_them() -> None:
    stage = await staged(Replicas(lost=100), second())
    assert pitch(await stage.speak(stream=True)) == 440
    assert stage.told.outcomes == [*[("replicas", "error")] * 3, ("second", "ok")]
    assert [reason for *_, reason in stage.told.fallbacks] == [FallbackReason.ERROR] * 3


async def test_no_replica_is_asked_after_the_deadline() -> None:
    provider = Replicas(lost=1)
    stage = await staged(provider)
    provider.gate.clear()
    with pytest.raises(DeadlineExceeded):
        await stage.speak(stream=True, budget=0.05)
    assert stage.told.outcomes == [("replicas", "timeout")]
