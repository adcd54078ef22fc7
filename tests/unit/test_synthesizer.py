"""The record of a request that speaks: what it says of where its audio came from, and of what was refused."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from otel.contract.values import CacheResult, FallbackReason
from server.errors import EngineFailed, QueueFull
from server.record import RequestRecord, Synthesis
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.synthesizer import AdmittedChain, Synthesizer
from server.utterance import Listener, Utterance
from tests.humming_provider import JOE, HummingProvider
from tests.unit.test_chain import Told

TEXT = "One two three four five six seven. Eight nine ten eleven twelve thirteen."
UTTERANCE = Utterance(TEXT, JOE, "en", 13, len(TEXT))


class Server:
    """A synthesizer with providers that hum."""

    def __init__(self, *providers: HummingProvider) -> None:
        self.providers = providers
        chain = FallbackChain(providers, Told())
        self.admission = Admission(10, 60.0, 60.0, lambda: chain.rate, most_unsent=1000)
        cache = Cache(10_000_000, b"a secret of the tests' own", AdmittedChain(chain, self.admission))
        self.synthesizer = Synthesizer(chain, cache, self.admission, deadline_seconds=10.0)

    async def speak(self, *, stream: bool = False, fresh: bool = False) -> RequestRecord:
        record = RequestRecord("id", "/tts", "POST", Synthesis(UTTERANCE, Listener(stream), fresh))
        await self.fill(record)
        return record

    async def fill(self, record: RequestRecord) -> None:
        async with aclosing(self.synthesizer.speak(record)) as chunks:
            async for _ in chunks:
                pass


async def started(*providers: HummingProvider) -> Server:
    server = Server(*providers)
    await server.synthesizer.start()
    return server


async def test_a_record_says_where_its_audio_came_from() -> None:
    server = await started(HummingProvider(name="first"), HummingProvider(name="second"))
    made, kept, fresh = await server.speak(), await server.speak(), await server.speak(fresh=True)
    assert [record.cache for record in (made, kept, fresh)] == [CacheResult.MISS, CacheResult.HIT, CacheResult.BYPASS]
    assert [record.provider for record in (made, kept, fresh)] == ["first"] * 3
    assert [record.source for record in (made, kept, fresh)] == [made.synthesis, None, fresh.synthesis]
    assert [record.synthesized for record in (made, kept, fresh)] == [True, False, True]
    assert made.audio_seconds == pytest.approx(kept.audio_seconds, abs=0.01)
    assert made.synthesis is not None
    assert [attempt.provider for attempt in made.synthesis.attempts] == ["first"]


async def test_who_joins_a_synthesis_has_the_account_of_its_leader() -> None:
    failing = HummingProvider(name="first")
    failing.failure = EngineFailed("no")
    server = await started(failing, HummingProvider(name="second"))
    leader, follower = await asyncio.gather(server.speak(), server.speak())
    assert (leader.cache, follower.cache) == (CacheResult.MISS, CacheResult.COALESCED)
    assert follower.source is leader.synthesis
    assert leader.provider == follower.provider == "second"
    assert follower.source is not None
    assert follower.source.fallback == ("first", FallbackReason.ERROR)
    assert follower.synthesis is not None
    assert follower.synthesis.attempts == []


@pytest.mark.parametrize("fresh", [False, True])
async def test_what_there_is_no_room_for_is_refused_before_a_synthesis_begins(fresh: bool) -> None:
    provider = HummingProvider()
    server = await started(provider)
    record = RequestRecord("id", "/tts", "POST", Synthesis(UTTERANCE, fresh=fresh))
    with server.admission.admit_synthesis(60.0), pytest.raises(QueueFull):
        await server.fill(record)
    assert provider.listeners == []
    assert record.provider == ""
    assert (await server.speak()).cache is CacheResult.MISS


async def test_a_synthesis_is_admitted_until_it_ends() -> None:
    provider = HummingProvider()
    server = await started(provider)
    provider.gate.clear()
    speaking = asyncio.create_task(server.speak())
    while not provider.listeners:
        await asyncio.sleep(0)
    assert server.admission.audio_seconds == pytest.approx(provider.estimate(UTTERANCE))
    provider.gate.set()
    await speaking
    assert server.admission.audio_seconds == 0


async def test_a_record_without_a_synthesis_is_a_mistake() -> None:
    server = await started(HummingProvider())
    with pytest.raises(ValueError, match="has a synthesis"):
        await server.fill(RequestRecord("id", "/tts", "POST"))
