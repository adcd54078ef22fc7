"""Servers share clips on a real Redis, which may vanish at any time without an error to anybody."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from server.cache.cache import Cache, Hearing
from server.cache.shared import PREFIX, SharedTier
from server.speech import CacheResult
from tests.murmurs import SECRET, Murmur, heard, until, utterance

ROOM = 1 << 20
CANARY = "Xylocanary says hello"


class RedisServer:
    """A redis-server of this test's own, on a free port of the loopback."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> Redis:
        return Redis(host="127.0.0.1", port=self.port)

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                self.client.ping()
            except RedisError:
                assert self._process.poll() is None
                continue
            return
        raise AssertionError("redis-server does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(
                "redis-server is not installed, and CI must test the shared cache: apt-get install redis-server"
            )
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    server = RedisServer(program, tmp_path)
    server.start()
    yield server
    server.kill()


def sharing(redis: RedisServer, secret: bytes = SECRET) -> Cache:
    return Cache(ROOM, secret, SharedTier(redis.url, secret, back_off_seconds=0.05))


def hear(cache: Cache, murmur: Murmur, text: str = CANARY) -> Hearing:
    return cache.hear(utterance(text), 0.1, murmur.synthesis, murmur)


async def shared(redis: RedisServer, cache: Cache, murmur: Murmur, text: str = CANARY) -> None:
    """``cache`` makes a clip, and it has arrived on Redis."""
    before = redis.client.dbsize()
    assert await heard(hear(cache, murmur, text).chunks()) == murmur.pcm
    await until(lambda: redis.client.dbsize() > before)


async def test_what_one_server_made_another_has(redis: RedisServer) -> None:
    one, other = sharing(redis), sharing(redis)
    made, unused = Murmur(seed=1), Murmur(seed=2)
    await shared(redis, one, made)
    hearing = hear(other, unused)
    assert await heard(hearing.chunks()) == made.pcm
    assert (hearing.result, hearing.synthesis, unused.begun) == (CacheResult.HIT, None, 0)
    assert other.entries == 1
    await one.close()
    await other.close()


async def test_no_text_is_on_redis_and_clips_expire(redis: RedisServer) -> None:
    cache = sharing(redis)
    await shared(redis, cache, Murmur())
    [key] = redis.client.keys()
    assert key.startswith(PREFIX.encode())
    value = redis.client.get(key)
    for part in CANARY.lower().encode().split():
        assert part not in key.lower()
        assert part not in value.lower()
    assert 0 < redis.client.ttl(key) <= 24 * 3600
    await cache.close()


@pytest.mark.parametrize("harm", ["cut", "flipped", "swapped", "emptied", "another type"])
async def test_what_is_torn_or_forged_is_no_clip(redis: RedisServer, harm: str) -> None:
    one, other = sharing(redis), sharing(redis)
    await shared(redis, one, Murmur(seed=1))
    [key] = redis.client.keys()
    value = redis.client.get(key)
    await shared(redis, one, Murmur(seed=3), "another text")
    [third] = [name for name in redis.client.scan_iter() if name != key]
    if harm == "another type":
        redis.client.delete(key)
        redis.client.lpush(key, "x")
    else:
        flipped = value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]
        forged = {"cut": value[:-2], "flipped": flipped, "swapped": redis.client.get(third), "emptied": b""}
        redis.client.set(key, forged[harm])
    fresh = Murmur(seed=2)
    assert await heard(hear(other, fresh).chunks()) == fresh.pcm
    assert fresh.begun == 1
    await one.close()
    await other.close()


async def test_another_secret_shares_nothing(redis: RedisServer) -> None:
    one, stranger = sharing(redis), sharing(redis, b"another secret, of strangers")
    await shared(redis, one, Murmur(seed=1))
    fresh = Murmur(seed=2)
    assert await heard(hear(stranger, fresh).chunks()) == fresh.pcm
    await one.close()
    await stranger.close()


async def test_it_vanishes_in_the_midst_of_traffic_and_comes_back(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ttscope")
    cache = sharing(redis)
    await shared(redis, cache, Murmur())
    redis.kill()
    began = asyncio.get_running_loop().time()
    murmurs = [Murmur(seed=number) for number in range(20)]
    answers = await asyncio.gather(*(heard(hear(cache, m, f"text {n}").chunks()) for n, m in enumerate(murmurs)))
    assert answers == [murmur.pcm for murmur in murmurs]
    assert asyncio.get_running_loop().time() - began < 5
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert str(redis.port) not in caplog.text
    redis.start()
    number = 0
    async with asyncio.timeout(20):
        while not redis.client.dbsize():
            number += 1
            murmur = Murmur(seed=number)
            assert await heard(hear(cache, murmur, f"later {number}").chunks()) == murmur.pcm
            await asyncio.sleep(0.02)
    assert [record.levelname for record in caplog.records if record.name == "ttscope.cache"][-1] == "INFO"
    await cache.close()
