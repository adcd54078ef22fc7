"""What a synthesis meets at the cache: a clip that is there, one that is being made, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest

from otel.contract.values import CacheResult
from server.audio.wav import pcm16
from server.errors import QueueFull, ShuttingDown
from server.synthesis.cache.shared import SharedTier
from server.utterance import Chunk, LanguageRun, Passage
from tests.fake_syntheses import SECRET, TENANT, VOICE, Hearing, Murmur, MurmurCache, heard, quiet, utterance

ROOM = 1_000_000
SECONDS = 0.1
"""What a murmur is estimated to last; 4,410 bytes."""


@pytest.fixture
async def cache() -> MurmurCache:
    return MurmurCache(ROOM, SECRET)


def hear(
    cache: MurmurCache,
    murmur: Murmur,
    text: str = "hello",
    seconds: float = SECONDS,
    *,
    bypass: bool = False,
    tenant: str = TENANT,
) -> Hearing:
    return cache.hear(utterance(text), seconds, murmur, bypass=bypass, tenant=tenant)


async def fill(cache: MurmurCache, murmur: Murmur, text: str = "hello") -> None:
    assert await heard(hear(cache, murmur, text).chunks()) == murmur.pcm


async def test_what_was_made_once_is_given_again_byte_for_byte(cache: MurmurCache) -> None:
    first, second = Murmur(seed=1), Murmur(seed=2)
    hearing = hear(cache, first)
    assert (hearing.result, hearing.synthesis) == (CacheResult.MISS, first.synthesis)
    original = await heard(hearing.chunks())
    again = hear(cache, second)
    assert (again.result, again.synthesis) == (CacheResult.HIT, None)
    assert await heard(again.chunks()) == original == first.pcm
    assert second.begun == 0
    assert cache.entries == 1
    assert len(original) < cache.bytes < len(original) + 1000


async def test_a_hit_has_the_seed_of_its_take_and_a_joined_one_that_of_its_leader(cache: MurmurCache) -> None:
    murmur = Murmur(seed=7, allowed=1)
    leading = cache.hear(utterance(), SECONDS, murmur)
    leader = asyncio.create_task(heard(leading.chunks()))
    await quiet()
    joining = cache.hear(utterance(), SECONDS, Murmur(seed=8))
    joined = asyncio.create_task(heard(joining.chunks()))
    await quiet()
    murmur.allow(5)
    assert await leader == await joined
    assert joining.synthesis is leading.synthesis is murmur.synthesis
    assert murmur.synthesis.seed == 7
    again = cache.hear(utterance(), SECONDS, Murmur(seed=9))
    await heard(again.chunks())
    assert (again.result, again.seed) == (CacheResult.HIT, 7)


async def test_a_stated_seed_is_part_of_the_key(cache: MurmurCache) -> None:
    results = []
    for seed in (None, 3, 4, 3, None):
        hearing = cache.hear(replace(utterance(), seed=seed, exact=seed is not None), SECONDS, Murmur(seed=seed or 0))
        await heard(hearing.chunks())
        results.append((hearing.result, hearing.seed))
    hit, miss = CacheResult.HIT, CacheResult.MISS
    assert results == [(miss, 0), (miss, 3), (miss, 4), (hit, 3), (hit, 0)]


async def test_what_bypasses_the_cache_is_rounded_like_what_is_in_it(cache: MurmurCache) -> None:
    def samples(chunks: list[Chunk]) -> bytes:
        return b"".join(chunk.samples.tobytes() for chunk in chunks)

    made = [chunk async for chunk in hear(cache, Murmur(seed=1)).chunks()]
    kept = [chunk async for chunk in hear(cache, Murmur(seed=1)).chunks()]
    fresh = [chunk async for chunk in hear(cache, Murmur(seed=1), bypass=True).chunks()]
    assert samples(made) == samples(kept) == samples(fresh)
    assert all(chunk.intervals for chunk in fresh)


async def test_it_is_known_beforehand_whether_a_synthesis_begins(cache: MurmurCache) -> None:
    assert hear(cache, Murmur()).new
    assert hear(cache, Murmur(), bypass=True).new
    murmur = Murmur(allowed=1)
    listening = asyncio.create_task(heard(hear(cache, murmur).chunks()))
    await quiet()
    assert not hear(cache, Murmur()).new  # it is being made for another
    murmur.allow(5)
    await listening
    assert not hear(cache, Murmur()).new  # it is there
    shared = MurmurCache(ROOM, SECRET, SharedTier("redis://127.0.0.1:1/0", SECRET))
    assert not hear(shared, Murmur()).new  # another server may have it
    await shared.close()


async def test_a_hit_has_no_intervals(cache: MurmurCache) -> None:
    await fill(cache, Murmur())
    assert [chunk.intervals async for chunk in hear(cache, Murmur()).chunks()] == [()]


async def test_a_hit_can_be_heard_though_the_clip_is_pushed_out_meanwhile() -> None:
    small = MurmurCache(40_000, SECRET)
    murmur = Murmur()
    await fill(small, murmur)
    hearing = hear(small, Murmur(seed=1))
    for number in range(20):
        await fill(small, Murmur(seed=number), f"other {number}")
    assert small.evictions > 0
    assert await heard(hearing.chunks()) == murmur.pcm
    assert hearing.result is CacheResult.HIT


@pytest.mark.parametrize(
    "other",
    [
        replace(utterance(), text="hello!"),
        replace(utterance(), speed=1.5),
        replace(utterance(), voice=replace(VOICE, name="jane")),
        replace(utterance(), voice=replace(VOICE, checksum="0ff1ce")),
        replace(utterance(), voice=replace(VOICE, languages=("en", "en-gb")), language="en-gb"),
        replace(utterance(), passages=(Passage("hello", runs=(LanguageRun(0, 5, "de"),)),)),
        replace(utterance(), seed=0, exact=True),
    ],
)
async def test_what_sounds_different_is_another_clip(cache: MurmurCache, other: object) -> None:
    await fill(cache, Murmur())
    murmur = Murmur(seed=1)
    hearing = cache.hear(other, SECONDS, murmur)  # type: ignore[arg-type]
    assert hearing.result is CacheResult.MISS
    assert await heard(hearing.chunks()) == murmur.pcm


async def test_another_tenant_has_a_clip_of_its_own(cache: MurmurCache) -> None:
    await fill(cache, Murmur(seed=1))
    own = Murmur(seed=2)
    hearing = hear(cache, own, tenant="beta")
    assert (hearing.result, hearing.new) == (CacheResult.MISS, True)
    assert await heard(hearing.chunks()) == own.pcm
    assert hear(cache, Murmur(), tenant="beta").result is CacheResult.HIT
    assert cache.entries == 2


async def test_tenants_at_a_time_have_a_synthesis_each(cache: MurmurCache) -> None:
    murmurs = [Murmur(seed=1), Murmur(seed=2)]
    hearings = [hear(cache, murmur, tenant=tenant) for murmur, tenant in zip(murmurs, ("alpha", "beta"), strict=True)]
    audio = await asyncio.gather(*(heard(hearing.chunks()) for hearing in hearings))
    assert audio == [murmur.pcm for murmur in murmurs]
    assert [hearing.result for hearing in hearings] == [CacheResult.MISS] * 2


@pytest.mark.parametrize(("owner", "result"), [(None, CacheResult.HIT), ("alpha", CacheResult.MISS)])
async def test_tenants_share_clips_of_installed_voices_by_choice(owner: str | None, result: CacheResult) -> None:
    cache = MurmurCache(ROOM, SECRET, tenants_share=True)
    spoken = replace(utterance(), voice=replace(VOICE, tenant=owner))
    assert await heard(cache.hear(spoken, SECONDS, Murmur(), tenant="alpha").chunks())
    assert cache.hear(spoken, SECONDS, Murmur(), tenant="beta").result is result
    assert cache.hear(spoken, SECONDS, Murmur(), tenant="alpha").result is CacheResult.HIT


async def test_a_hundred_equal_requests_at_a_time_are_one_synthesis(cache: MurmurCache) -> None:
    murmurs = [Murmur(seed=number) for number in range(100)]
    hearings = [hear(cache, murmur) for murmur in murmurs]
    audio = await asyncio.gather(*(heard(hearing.chunks()) for hearing in hearings))
    assert set(audio) == {murmurs[0].pcm}
    assert sum(murmur.begun for murmur in murmurs) == 1
    assert [hearing.result for hearing in hearings] == [CacheResult.MISS] + [CacheResult.COALESCED] * 99
    assert all(hearing.synthesis is murmurs[0].synthesis for hearing in hearings)


async def test_who_comes_in_the_midst_joins(cache: MurmurCache) -> None:
    murmur, late = Murmur(allowed=2), Murmur(seed=1)
    first = asyncio.create_task(heard(hear(cache, murmur).chunks()))
    await quiet()
    hearing = hear(cache, late)
    assert (hearing.result, hearing.synthesis) == (CacheResult.COALESCED, murmur.synthesis)
    second = asyncio.create_task(heard(hearing.chunks()))
    await quiet()
    murmur.allow(3)
    assert await first == await second == murmur.pcm
    assert late.begun == 0


async def test_the_synthesis_goes_on_for_the_others_when_its_first_client_leaves_and_is_kept(
    cache: MurmurCache,
) -> None:
    murmur = Murmur(allowed=2)
    leader = asyncio.create_task(heard(hear(cache, murmur).chunks()))
    await quiet()
    follower = asyncio.create_task(heard(hear(cache, Murmur(seed=1)).chunks()))
    await quiet()
    leader.cancel()
    await quiet()
    murmur.allow(3)
    assert await follower == murmur.pcm
    assert hear(cache, Murmur()).result is CacheResult.HIT


async def test_a_stream_that_is_left_is_not_kept_and_the_next_request_makes_its_own(cache: MurmurCache) -> None:
    left, made = Murmur(), Murmur(seed=1)
    chunks = hear(cache, left).chunks()
    await anext(chunks)
    await chunks.aclose()
    assert (left.closed, cache.entries) == (1, 0)
    hearing = hear(cache, made)
    assert await heard(hearing.chunks()) == made.pcm
    assert hearing.result is CacheResult.MISS


async def test_who_was_about_to_join_when_the_last_one_left_makes_it_itself(cache: MurmurCache) -> None:
    left, made = Murmur(), Murmur(seed=1)
    chunks = hear(cache, left).chunks()
    await anext(chunks)
    hearing = hear(cache, made)
    assert hearing.result is CacheResult.COALESCED
    await chunks.aclose()
    assert await heard(hearing.chunks()) == made.pcm
    assert (hearing.result, hearing.synthesis) == (CacheResult.MISS, made.synthesis)


async def test_who_was_about_to_make_what_is_there_by_now_has_a_hit(cache: MurmurCache) -> None:
    made, spared = Murmur(), Murmur(seed=1)
    hearing = hear(cache, spared)
    await fill(cache, made)
    assert await heard(hearing.chunks()) == made.pcm
    assert (hearing.result, hearing.synthesis, spared.begun) == (CacheResult.HIT, None, 0)


async def test_a_refusal_reaches_everybody_who_waits_and_the_next_request_tries_again(cache: MurmurCache) -> None:
    refused = Murmur(parts=0, failure=QueueFull("there is no room"))
    hearings = [hear(cache, refused) for _ in range(10)]
    errors = await asyncio.gather(*(heard(hearing.chunks()) for hearing in hearings), return_exceptions=True)
    assert {type(error) for error in errors} == {QueueFull}
    assert refused.begun == 1
    assert cache.entries == 0
    await fill(cache, Murmur(seed=1))


async def test_a_failure_in_the_midst_is_not_kept(cache: MurmurCache) -> None:
    murmur = Murmur(failure=QueueFull("no more"))
    murmur.synthesis.sound = murmur.synthesis.first_choice = True  # as it seemed so far
    with pytest.raises(QueueFull):
        await heard(hear(cache, murmur).chunks())
    assert cache.entries == 0


@pytest.mark.parametrize(("sound", "first_choice"), [(False, True), (True, False), (False, False)])
async def test_only_sound_speech_of_the_first_choice_is_kept(
    cache: MurmurCache, sound: bool, first_choice: bool
) -> None:
    await fill(cache, Murmur(sound=sound, first_choice=first_choice))
    assert cache.entries == 0
    assert hear(cache, Murmur()).result is CacheResult.MISS


async def test_a_synthesis_without_audio_is_not_kept(cache: MurmurCache) -> None:
    await fill(cache, Murmur(parts=0))
    assert cache.entries == 0


async def test_by_the_clients_wish_it_is_made_anew_and_not_kept(cache: MurmurCache) -> None:
    await fill(cache, Murmur())
    fresh = [Murmur(seed=1), Murmur(seed=2)]
    hearings = [hear(cache, murmur, bypass=True) for murmur in fresh]
    audio = await asyncio.gather(*(heard(hearing.chunks()) for hearing in hearings))
    assert audio == [murmur.pcm for murmur in fresh]
    assert [hearing.result for hearing in hearings] == [CacheResult.BYPASS] * 2
    assert [hearing.synthesis for hearing in hearings] == [murmur.synthesis for murmur in fresh]
    assert cache.entries == 1


async def test_without_room_everything_is_made_for_itself() -> None:
    off = MurmurCache(0, SECRET)
    for seed in range(2):
        murmur = Murmur(seed=seed)
        hearing = hear(off, murmur, seconds=0.0)
        assert await heard(hearing.chunks()) == murmur.pcm
        assert hearing.result is CacheResult.BYPASS
    assert (off.entries, off.bytes) == (0, 0)


async def test_what_would_take_more_than_an_eighth_is_made_for_itself(cache: MurmurCache) -> None:
    an_eighth = ROOM / 8 / 2 / VOICE.sample_rate
    assert hear(cache, Murmur(), seconds=an_eighth).result is CacheResult.MISS
    assert hear(cache, Murmur(), seconds=an_eighth + 0.01).result is CacheResult.BYPASS


async def test_what_turns_out_to_take_more_than_an_eighth_is_not_kept() -> None:
    for room, entries in ((8 * len(Murmur().pcm) - 1, 0), (8 * len(Murmur().pcm), 1)):
        murmur, small = Murmur(), MurmurCache(room, SECRET)
        assert await heard(hear(small, murmur, seconds=0.01).chunks()) == murmur.pcm
        assert small.entries == entries


async def test_what_is_under_way_at_a_time_takes_no_more_than_the_cache() -> None:
    murmurs = [Murmur(seed=number) for number in range(12)]
    small = MurmurCache(10 * 4410, SECRET)
    streams = []
    hearings = []
    for number, murmur in enumerate(murmurs):
        hearing = hear(small, murmur, f"text {number}")
        chunks = hearing.chunks()
        assert pcm16((await anext(chunks)).samples) == murmur.pieces[0]
        streams.append(chunks)
        hearings.append(hearing)
    assert [hearing.result for hearing in hearings] == [CacheResult.MISS] * 10 + [CacheResult.BYPASS] * 2
    assert hearings[-1].synthesis is murmurs[-1].synthesis
    for murmur, chunks in zip(murmurs, streams, strict=True):
        assert await heard(chunks) == b"".join(murmur.pieces[1:])


async def test_closing_ends_what_is_under_way(cache: MurmurCache) -> None:
    murmur = Murmur(allowed=1)
    task = asyncio.create_task(heard(hear(cache, murmur).chunks()))
    await quiet()
    await cache.close()
    assert murmur.closed == 1
    with pytest.raises(ShuttingDown):
        await task


async def test_a_short_secret_is_no_secret() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        MurmurCache(ROOM, b"too short")


async def test_a_stream_does_not_wait_for_the_end_of_a_whole_answer() -> None:
    cache = MurmurCache(1 << 20, SECRET)
    whole, stream = Murmur(), Murmur()
    first = cache.hear(utterance(), SECONDS, whole)
    begun = first.chunks()
    await anext(begun)
    second = cache.hear(utterance(), SECONDS, stream, streamed=True)
    assert second.result is CacheResult.MISS
    assert await heard(second.chunks()) == stream.pcm
    await begun.aclose()
    await cache.close()


async def test_who_comes_while_a_synthesis_that_was_given_up_lets_go_has_one_of_its_own(cache: MurmurCache) -> None:
    let_go = asyncio.Event()

    class Stubborn(Murmur):
        async def __call__(self) -> AsyncGenerator[Chunk, None]:
            try:
                async with aclosing(super().__call__()) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                await let_go.wait()

    given_up, made = Stubborn(allowed=1), Murmur(seed=1)
    leaver = asyncio.create_task(heard(hear(cache, given_up).chunks()))
    await quiet()
    leaver.cancel()
    await quiet()
    assert not leaver.done()
    hearing = hear(cache, made)
    assert await heard(hearing.chunks()) == made.pcm
    assert hearing.result is CacheResult.MISS
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert hear(cache, Murmur()).result is CacheResult.HIT
