"""Two servers' caches on one real Redis: what one has made the other need not; and Redis may lie, hang and die."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from otel.contract.values import CacheResult
from server.synthesis.cache.clip import Clip
from server.synthesis.cache.key import Keys
from server.synthesis.cache.seal import Seal
from server.synthesis.cache.shared import EXPIRY_SECONDS, PREFIX, SharedTier
from tests.fake_syntheses import SECRET, TENANT, Murmur, MurmurCache, heard, until, utterance
from tests.redis_server import PASSWORD, RedisServer, until_answering

ROOM = 10_000_000
LOOKUP_SECONDS = 1.0
"""Instead of the server's own: a machine that is busy for a moment is no outage, and what an outage costs is far more
than what such a moment does."""
BACK_OFF_SECONDS = 0.2
TEXT = "The quick brown canary jumps over the lazy dog"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.synthesis.cache.shared.LOOKUP_SECONDS", LOOKUP_SECONDS)


@pytest.fixture
async def server(redis_program: RedisServer) -> AsyncIterator[RedisServer]:
    """Redis, running and empty."""
    redis_program.kill()
    redis_program.start()
    async with Redis.from_url(redis_program.url) as redis:
        await until_answering(redis)
        yield redis_program


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    """To look into it, as somebody else would."""
    async with Redis.from_url(server.url) as redis:
        yield redis


class Replica:
    """One of several servers: a cache of its own with the shared tier behind it."""

    def __init__(self, url: str, *, secret: bytes = SECRET, back_off_seconds: float = BACK_OFF_SECONDS) -> None:
        self.shared = SharedTier(url, secret, back_off_seconds=back_off_seconds)
        self.cache = MurmurCache(ROOM, secret, self.shared)

    async def hear(self, murmur: Murmur, text: str = TEXT, tenant: str = TENANT) -> tuple[CacheResult, bytes]:
        hearing = self.cache.hear(utterance(text), 0.1, murmur, tenant=tenant)
        audio = await heard(hearing.chunks())
        assert (hearing.synthesis is None) == (hearing.result is CacheResult.HIT)
        return hearing.result, audio

    async def close(self) -> None:
        await self.cache.close()


@pytest.fixture
async def replicas(server: RedisServer) -> AsyncIterator[tuple[Replica, Replica]]:
    pair = Replica(server.url), Replica(server.url)
    yield pair
    for replica in pair:
        await replica.close()


async def shared_by(replica: Replica, redis: Redis, murmur: Murmur, text: str = TEXT) -> bytes:
    """Has a clip made, and returns its name in Redis when it has arrived."""
    result, audio = await replica.hear(murmur, text)
    assert (result, audio) == (CacheResult.MISS, murmur.pcm)
    name = name_of(text)
    async with asyncio.timeout(60):
        while not await redis.exists(name):
            await asyncio.sleep(0.005)
    return name


def name_of(text: str) -> bytes:
    return PREFIX.encode() + Keys(SECRET).of(utterance(text), TENANT)


async def test_what_one_server_has_made_another_need_not(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    first, second = replicas
    made, spared = Murmur(seed=1), Murmur(seed=2)
    await shared_by(first, redis, made)
    assert await second.hear(spared) == (CacheResult.HIT, made.pcm)
    assert spared.begun == 0
    await redis.flushall()
    assert await second.hear(spared) == (CacheResult.HIT, made.pcm)  # it has it itself by now


async def test_a_hundred_who_ask_for_a_shared_clip_ask_redis_once(
    replicas: tuple[Replica, Replica], redis: Redis
) -> None:
    first, second = replicas
    made, spared = Murmur(seed=1), Murmur(seed=2)
    await shared_by(first, redis, made)
    before = (await redis.info("commandstats"))["cmdstat_getrange"]["calls"]
    answers = await asyncio.gather(*(second.hear(spared) for _ in range(100)))
    assert answers == [(CacheResult.HIT, made.pcm)] * 100
    assert (await redis.info("commandstats"))["cmdstat_getrange"]["calls"] == before + 1


async def test_clips_last_a_day(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    name = await shared_by(replicas[0], redis, Murmur())
    assert EXPIRY_SECONDS - 60 < await redis.ttl(name) <= EXPIRY_SECONDS == 24 * 3600


async def test_there_is_no_text_in_redis(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    for number in range(5):
        await shared_by(replicas[0], redis, Murmur(seed=number), f"{TEXT} {number}")
    everything = [(name, await redis.get(name)) async for name in redis.scan_iter()]
    assert len(everything) == 5
    for name, value in everything:
        assert name.startswith(PREFIX.encode())
        for word in (*TEXT.split(), TEXT, "joe", "c0ffee"):
            if len(word) > 3:  # shorter ones may occur in noise
                assert word.lower().encode() not in (name + value).lower()
                assert word.encode("utf-16-le") not in name + value


async def test_nobody_who_reads_redis_can_listen(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    murmur = Murmur()
    value = await redis.get(await shared_by(replicas[0], redis, murmur))
    assert len(value) > len(murmur.pcm) > 64
    assert not any(murmur.pcm[start : start + 16] in value for start in range(0, len(murmur.pcm) - 16, 16))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value, other: value[:-2],
        lambda value, other: value[:20],
        lambda value, other: b"",
        lambda value, other: value + b"\0\0",
        lambda value, other: value[:-1] + bytes([value[-1] ^ 1]),
        lambda value, other: b"ttsclip1" + value[8:],
        lambda value, other: other,
        lambda value, other: b"RIFF" + bytes(1000),
        lambda value, other: bytes(60_000_000),
    ],
    ids=["torn", "cut", "emptied", "longer", "altered", "another version", "another clip", "foreign", "huge"],
)
async def test_what_is_not_the_clip_is_a_miss_and_replaced(
    replicas: tuple[Replica, Replica], redis: Redis, spoil: object
) -> None:
    first, second = replicas
    name = await shared_by(first, redis, Murmur(seed=1))
    other = await shared_by(first, redis, Murmur(seed=2), "something else")
    key = name.removeprefix(PREFIX.encode())
    good, bad = await redis.get(name), spoil(await redis.get(name), await redis.get(other))  # type: ignore[operator]
    await redis.set(name, bad)
    murmur = Murmur(seed=1)
    assert await second.hear(murmur) == (CacheResult.MISS, murmur.pcm)
    assert (first.cache.invalid, second.cache.invalid) == (0, int(0 < len(bad) < ROOM))
    async with asyncio.timeout(60):
        while Seal(SECRET).unwrap(key, await redis.get(name) or b"") != Seal(SECRET).unwrap(key, good):
            await asyncio.sleep(0.005)


async def test_a_value_of_another_kind_is_a_miss_and_no_outage(
    replicas: tuple[Replica, Replica], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.rpush(name_of(TEXT), "not", "a", "clip")
    await shared_by(replicas[0], redis, Murmur(), "another text")
    murmur = Murmur(seed=1)
    assert await replicas[0].hear(murmur) == (CacheResult.MISS, murmur.pcm)
    assert replicas[0].cache.invalid == 1
    assert caplog.records == []


async def test_tenants_share_no_clip_on_redis(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    first, second = replicas
    made, own = Murmur(seed=1), Murmur(seed=2)
    await shared_by(first, redis, made)
    assert await second.hear(own, tenant="beta") == (CacheResult.MISS, own.pcm)
    assert await second.hear(Murmur(seed=3)) == (CacheResult.HIT, made.pcm)
    await until_stored(redis, 2)


async def until_stored(redis: Redis, clips: int) -> None:
    async with asyncio.timeout(60):
        while await redis.dbsize() != clips:
            await asyncio.sleep(0.005)


async def test_what_an_earlier_version_kept_is_not_read(replicas: tuple[Replica, Replica], redis: Redis) -> None:
    """It has no tenant. It lies under another key, and expires there."""
    old = Keys(SECRET)
    old._secret = hmac.digest(SECRET, b"ttscope clip key 3", hashlib.sha256)
    key = old.of(utterance(TEXT), TENANT)
    await redis.set(PREFIX.encode() + key, Seal(SECRET).wrap(key, Clip(b"\0\0" * 100, 22050)))
    murmur = Murmur(seed=1)
    assert await replicas[0].hear(murmur) == (CacheResult.MISS, murmur.pcm)
    assert replicas[0].cache.invalid == 0


async def test_another_secret_finds_nothing(server: RedisServer, redis: Redis) -> None:
    first, second = Replica(server.url), Replica(server.url, secret=b"another secret altogether")
    await shared_by(first, redis, Murmur(seed=1))
    murmur = Murmur(seed=2)
    assert await second.hear(murmur) == (CacheResult.MISS, murmur.pcm)
    for replica in (first, second):
        await replica.close()
    assert await redis.dbsize() == 2


async def test_redis_is_killed_in_the_midst_of_traffic_and_comes_back(
    server: RedisServer, replicas: tuple[Replica, Replica], caplog: pytest.LogCaptureFixture
) -> None:
    """Every client gets its audio, soon; the outage is in the log once, without an address; sharing resumes."""
    caplog.set_level(logging.INFO)
    first, second = replicas
    number = 0
    slowest = {"up": 0.0, "down": 0.0}
    stop = asyncio.Event()
    state = "up"

    async def client(replica: Replica) -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            murmur, began, then = Murmur(seed=number), time.perf_counter(), state
            assert await replica.hear(murmur, f"text {number}") == (CacheResult.MISS, murmur.pcm)
            slowest[then] = max(slowest[then], time.perf_counter() - began)
            await asyncio.sleep(0.001)

    async def asked_for(count: int) -> None:
        goal = number + count
        await until(lambda: number >= goal)

    async with asyncio.TaskGroup() as clients:
        for replica in (first, second) * 4:
            clients.create_task(client(replica))
        await asked_for(200)
        server.kill()
        state = "down"
        await asked_for(1000)
        server.start()
        await until(lambda: [record.levelno for record in caplog.records].count(logging.INFO) == 2)
        stop.set()

    async with Redis.from_url(server.url) as redis:
        made, spared = Murmur(seed=10**6), Murmur(seed=10**6 + 1)
        await shared_by(first, redis, made)
        assert await second.hear(spared) == (CacheResult.HIT, made.pcm)
    assert slowest["down"] < 2 * LOOKUP_SECONDS + slowest["up"]
    levels = [record.levelno for record in caplog.records]
    assert sorted(levels) == [logging.INFO] * 2 + [logging.WARNING] * 2  # one of each for each of the servers
    for record in caplog.records:
        assert record.name == "ttscope.cache"
        assert str(server.port) not in record.getMessage()
        assert PASSWORD not in record.getMessage()
        assert record.exc_info is None


async def test_a_redis_that_hangs_costs_one_lookup(server: RedisServer, redis: Redis) -> None:
    replica = Replica(server.url, back_off_seconds=60.0)
    await shared_by(replica, redis, Murmur())
    server.halt()
    try:
        began = time.perf_counter()
        for number in range(100):
            murmur = Murmur(seed=number)
            assert await replica.hear(murmur, f"text {number}") == (CacheResult.MISS, murmur.pcm)
        took = time.perf_counter() - began
    finally:
        server.go_on()
    await replica.close()
    assert LOOKUP_SECONDS < took < 2 * LOOKUP_SECONDS


async def test_after_a_late_answer_nobody_gets_anothers_clip(
    server: RedisServer, replicas: tuple[Replica, Replica], redis: Redis
) -> None:
    """The answer to the lookup that was given up comes on a connection that the next one must not read from."""
    first, second = replicas
    murmurs = {text: Murmur(seed=seed) for seed, text in enumerate(("one", "two"))}
    for text, murmur in murmurs.items():
        await shared_by(first, redis, murmur, text)
    server.halt()
    late = Murmur(seed=9)
    assert await second.hear(late, "one") == (CacheResult.MISS, late.pcm)
    server.go_on()
    await asyncio.sleep(BACK_OFF_SECONDS)
    assert await second.hear(Murmur(seed=10), "two") == (CacheResult.HIT, murmurs["two"].pcm)


async def test_a_redis_that_takes_no_more_is_still_read(
    replicas: tuple[Replica, Replica], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = replicas
    made = Murmur(seed=1)
    await shared_by(first, redis, made)
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", 1)
    murmur = Murmur(seed=2)
    assert await first.hear(murmur, "one more") == (CacheResult.MISS, murmur.pcm)
    await until(lambda: caplog.records)
    assert await second.hear(Murmur(seed=3)) == (CacheResult.HIT, made.pcm)
    (record,) = caplog.records
    assert record.getMessage() == "the shared cache takes no clips, speech goes on without it: OutOfMemoryError"


async def test_a_wrong_password_is_an_outage(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    replica = Replica(server.url.replace(PASSWORD, "wrong-password"))
    murmur = Murmur()
    assert await replica.hear(murmur) == (CacheResult.MISS, murmur.pcm)
    await replica.close()
    (record,) = caplog.records
    assert "wrong-password" not in record.getMessage()


@pytest.mark.parametrize(
    "answer", [b"$9999999999999\r\n", b"*-7\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$x\r\n", b""]
)
async def test_something_else_than_redis_is_an_outage(answer: bytes) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer and await reader.read(1000):
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answering, "127.0.0.1", 0) as other:
        replica = Replica(f"redis://127.0.0.1:{other.sockets[0].getsockname()[1]}")
        murmur = Murmur()
        began = time.perf_counter()
        assert await replica.hear(murmur) == (CacheResult.MISS, murmur.pcm)
        assert time.perf_counter() - began < 2 * LOOKUP_SECONDS
        await replica.close()


async def test_who_leaves_while_redis_is_asked_leaves_at_once(
    server: RedisServer, replicas: tuple[Replica, Replica], redis: Redis
) -> None:
    await shared_by(replicas[0], redis, Murmur(seed=1))
    server.halt()
    try:
        murmur = Murmur(seed=2)
        task = asyncio.create_task(replicas[1].hear(murmur))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert murmur.begun == 0
    finally:
        server.go_on()


@pytest.mark.parametrize(
    "url",
    ["", "localhost:6379", f"http://:{PASSWORD}@host", f"redis://:{PASSWORD}@host:x", f"redis://:{PASSWORD}@h?no=1"],
)
def test_a_url_that_can_be_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be redis://") as caught:
        SharedTier(url, SECRET)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
