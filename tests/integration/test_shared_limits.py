"""Servers that share their clients' limits through one real Redis, which may also hang, die and come back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from otel.contract.values import RateLimitReason
from server.access.caller import ANONYMOUS, Caller, KeyLimits
from server.access.limiter import Limiter, Permit
from server.access.usage import PREFIX, UsageStore, period
from server.errors import InsufficientQuota, RateLimitExceeded
from tests.fake_syntheses import SECRET, until
from tests.redis_server import PASSWORD, RedisServer, until_answering
from tests.server_process import LiveServer

BACK_OFF_SECONDS = 0.2
MONTH = RateLimitReason.CHARACTERS_PER_MONTH
ADDRESS = "192.0.2.1"
KEY = Caller("secret name", key_id="k-0123456789")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy for a moment is no outage."""
    monkeypatch.setattr("server.access.usage.ANSWER_SECONDS", 5.0)


@pytest.fixture
async def redis(redis_program: RedisServer) -> AsyncIterator[Redis]:
    """Redis, running and empty."""
    redis_program.kill()
    redis_program.start()
    async with Redis.from_url(redis_program.url) as redis:
        await until_answering(redis)
        yield redis


def limiter(url: str, limits: KeyLimits, secret: bytes = SECRET) -> Limiter:
    return Limiter(UsageStore(secret, url, back_off_seconds=BACK_OFF_SECONDS), limits)


@pytest.fixture
async def replicas(redis_program: RedisServer, redis: Redis) -> AsyncIterator[tuple[Limiter, Limiter]]:
    pair = (
        limiter(redis_program.url, KeyLimits(10, 0, 10, 100)),
        limiter(redis_program.url, KeyLimits(10, 0, 10, 100)),
    )
    yield pair
    for replica in pair:
        await replica.close()


async def accepted(replica: Limiter, address: str = ADDRESS) -> bool:
    permit = replica.permit(ANONYMOUS, address)
    assert permit is not None
    try:
        await permit.enter()
    except RateLimitExceeded:
        return False
    return True


async def entered(replica: Limiter, client: str = ADDRESS, caller: Caller = ANONYMOUS) -> Permit:
    permit = replica.permit(caller, client)
    assert permit is not None
    await permit.enter()
    return permit


async def test_two_limiters_have_one_limit(replicas: tuple[Limiter, Limiter]) -> None:
    answers = await asyncio.gather(*(accepted(replica) for replica in replicas * 15))
    assert sum(answers) == 10
    fields = [(await entered(replica, "192.0.2.2")).fields() for replica in replicas]
    assert [(await each)["RateLimit"].split(";t=")[0] for each in fields] == [
        f'"requests_per_minute";r={left}' for left in (9, 8)
    ]


async def test_retry_after_is_the_same_everywhere_and_right(replicas: tuple[Limiter, Limiter]) -> None:
    for _ in range(10):
        await entered(replicas[0])
    for replica in replicas:
        with pytest.raises(RateLimitExceeded) as refusal:
            await entered(replica)
        assert refusal.value.retry_after
        assert 50 < refusal.value.retry_after <= 60


async def test_a_quota_is_shared_and_what_was_not_used_comes_back(replicas: tuple[Limiter, Limiter]) -> None:
    first, second = replicas
    for failed, left in ((False, 100), (True, 100), (False, 100)):
        permit = await entered(first)
        permit.charge(60, 5.0)
        permit.leave(failed=failed)  # nothing was made, so nothing is taken
        await permit.fields()
        other = await entered(second)
        assert f'"characters_per_month";r={left};' in (await other.fields())["RateLimit"]
    permit = await entered(first)
    permit.charge(60, 5.0)
    await permit.fields()
    other = await entered(second)
    with pytest.raises(InsufficientQuota) as refusal:
        other.charge(60, 1.0)
    assert refusal.value.limit is RateLimitReason.CHARACTERS_PER_MONTH


async def test_no_address_and_no_key_is_in_redis(replicas: tuple[Limiter, Limiter], redis: Redis) -> None:
    for client, caller in ((ADDRESS, ANONYMOUS), ("2001:db8:1:2::/64", ANONYMOUS), (f"key:{KEY.key_id}", KEY)):
        permit = await entered(replicas[0], client, caller)
        permit.charge(10, 1.0)
        await permit.fields()
    names = [name async for name in redis.scan_iter()]
    assert len(names) == 9
    for name in names:
        assert name.startswith(f"{PREFIX}:".encode())
        for secret in (ADDRESS, "2001", "db8:", KEY.key_id, KEY.name, "secret"):
            assert secret.encode() not in name
        assert 0 < await redis.ttl(name) <= 32 * 86400
    other = limiter(f"redis://:{PASSWORD}@127.0.0.1:1", KeyLimits(10, 0, 0, 0), b"another secret altogether")
    hashes = {replica.store._name(ADDRESS) for replica in (*replicas, other)}
    assert len(hashes) == 2
    await other.close()


async def test_redis_is_killed_under_load_and_comes_back(
    redis_program: RedisServer, redis: Redis, replicas: tuple[Limiter, Limiter], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is refused who has enough left, and each server still holds its clients to the limit."""
    caplog.set_level(logging.INFO)
    number = 0
    stop = asyncio.Event()

    async def client(replica: Limiter) -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            assert await accepted(replica, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
            await asyncio.sleep(0.001)

    async def asked_for(count: int) -> None:
        goal = number + count
        await until(lambda: number >= goal)

    async with asyncio.TaskGroup() as clients:
        for replica in replicas * 4:
            clients.create_task(client(replica))
        await asked_for(100)
        redis_program.kill()
        await asked_for(300)
        for replica in replicas:
            assert sum([await accepted(replica) for _ in range(15)]) == 10
        redis_program.start()
        await until(lambda: [record.levelno for record in caplog.records].count(logging.INFO) == 2)
        await asked_for(100)
        stop.set()
    levels = [record.levelno for record in caplog.records if record.name.endswith("limits")]
    assert sorted(levels) == [logging.INFO] * 2 + [logging.WARNING] * 2
    for record in caplog.records:
        assert PASSWORD not in record.getMessage()
        assert str(redis_program.port) not in record.getMessage()
    answers = await asyncio.gather(*(accepted(replica, "192.0.2.9") for replica in replicas * 15))
    assert sum(answers) == 10


async def test_redis_that_hangs_holds_up_no_request_for_longer_than_its_timeout(
    redis_program: RedisServer, redis: Redis, replicas: tuple[Limiter, Limiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.access.usage.ANSWER_SECONDS", 0.05)
    assert await accepted(replicas[0])
    redis_program.halt()
    try:
        async with asyncio.timeout(30):
            assert sum([await accepted(replicas[0]) for _ in range(15)]) == 10
        assert not replicas[0].store.shared
    finally:
        redis_program.go_on()
    async with asyncio.timeout(60):
        while not replicas[0].store.shared:
            assert await replicas[0].store.used(ADDRESS, MONTH, period(MONTH, time.time())) == 0
            await asyncio.sleep(0.05)


async def test_two_processes_have_one_limit(redis_program: RedisServer, redis: Redis, tmp_path: Path) -> None:
    environment = {
        "TTSCOPE_REDIS_URL": redis_program.url,
        "TTSCOPE_CACHE_SECRET": SECRET.decode(),
        "TTSCOPE_REQUESTS_PER_MINUTE": "10",
        "TTSCOPE_TRUSTED_PROXIES": "127.0.0.0/8",
        "TTSCOPE_CACHE_BYTES": "0",
    }
    with ExitStack() as stack:
        servers = [
            stack.enter_context(LiveServer(tmp_path / name, "tests.humming_server", **environment)) for name in "ab"
        ]
        urls = [server.wait_until_ready().url for server in servers]
        async with aiohttp.ClientSession(headers={"X-Forwarded-For": ADDRESS}) as session:
            statuses = await asyncio.gather(*(status(session, url) for url in urls * 15))
        assert (statuses.count(200), statuses.count(429)) == (10, 20)
        assert [server.stop() for server in servers] == [0, 0]


async def status(session: aiohttp.ClientSession, url: str, **body: Any) -> int:
    async with session.post(f"{url}/tts", json={"text": "hello there", **body}) as response:
        await response.read()
        return response.status
