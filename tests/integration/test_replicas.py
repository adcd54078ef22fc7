"""Three real servers behind a real haproxy and nginx, with Redis and a shared folder: it does not matter which one
answers, one after the other is restarted without a failed request, and one that is killed loses only its own."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import aiohttp
import numpy as np
import pytest

from server.access.caller import Scope
from server.audio import wav
from server.voices.recordings import SAMPLE_RATE
from tests.cloning_provider import pitch, tone
from tests.fake_syntheses import SECRET
from tests.load_balancers import Haproxy, LoadBalancer, NginxBalancer
from tests.redis_server import RedisServer
from tests.replicas import CLIENTS, Replicas, traffic
from tests.service_client import samples

BALANCERS: dict[str, type[LoadBalancer]] = {"haproxy": Haproxy, "nginx": NginxBalancer}
TEXT = "Your order was sent today."
SEEN_SECONDS = 30.0
"""The server promises 5; this machine may be busy."""


@pytest.fixture(scope="module")
def replicas(redis_program: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    redis_program.start()
    three = Replicas(
        tmp_path_factory.mktemp("replicas"),
        TTSCOPE_REDIS_URL=redis_program.url,
        TTSCOPE_CACHE_SECRET=SECRET.decode(),
        TTSCOPE_REQUESTS_PER_MINUTE="0",
    )
    yield three
    three.close()


@pytest.fixture(scope="module")
def balancers(replicas: Replicas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LoadBalancer]]:
    running = {name: kind(tmp_path_factory.mktemp(name), replicas.ports) for name, kind in BALANCERS.items()}
    yield running
    for balancer in running.values():
        balancer.stop()


@pytest.fixture(scope="module")
def key(replicas: Replicas) -> str:
    """A key of all servers, which is made on the first one's management port."""
    import json
    from urllib.request import Request, urlopen

    body = {"name": "first", "scopes": [Scope.SPEAK, Scope.VOICES, Scope.OBSERVE, Scope.ADMIN]}
    request = Request(
        f"{replicas.servers[0].management_url}/admin/keys",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as response:
        return str(json.load(response)["key"])


@pytest.fixture
async def session(replicas: Replicas, key: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a key that all servers know."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        for url in replicas.urls:
            await until(lambda url=url: accepted(session, url))  # type: ignore[misc]
        yield session


async def accepted(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(f"{url}/v1/audio/voices") as response:
        return response.status == 200


async def until(condition: Any) -> None:
    async with asyncio.timeout(SEEN_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


async def listed(session: aiohttp.ClientSession, managements: Sequence[str], name: str, state: str) -> bool:
    """Whether all servers have a key in this state."""
    for url in managements:
        async with session.get(f"{url}/admin/keys") as response:
            keys = (await response.json())["keys"]
            if not any((key["name"], key["state"]) == (name, state) for key in keys):
                return False
    return True


async def speak(session: aiohttp.ClientSession, url: str, **body: Any) -> tuple[int, Any, bytes]:
    async with session.post(f"{url}/tts", json={"text": TEXT, **body}) as response:
        return response.status, response.headers, await response.read()


async def register(session: aiohttp.ClientSession, url: str, name: str, hertz: float) -> int:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLE_RATE)
        recording.writeframes(wav.pcm16(tone(hertz)))
    async with session.put(f"{url}/v1/audio/voices/{name}", data=file.getvalue()) as response:
        return response.status


def heard(audio: bytes) -> int:
    return pitch(np.frombuffer(audio[wav.HEADER_BYTES :], "<i2").astype(np.float32), SAMPLE_RATE)


async def test_a_voice_is_spoken_by_all_as_soon_as_one_has_it(
    replicas: Replicas, balancers: dict[str, LoadBalancer], session: aiohttp.ClientSession
) -> None:
    assert await register(session, balancers["haproxy"].url, "ann", 300) == 201
    answers = [await speak(session, url, voice_name="ann") for url in replicas.urls]  # the next requests, no later ones
    assert [(status, heard(audio)) for status, _, audio in answers] == [(200, 300)] * 3
    assert await register(session, balancers["nginx"].url, "ann", 500) == 200

    async def replaced() -> bool:
        return [heard((await speak(session, url, voice_name="ann"))[2]) for url in replicas.urls] == [500] * 3

    await until(replaced)
    async with session.delete(f"{balancers['haproxy'].url}/v1/audio/voices/ann") as response:
        assert response.status == 204

    async def deleted() -> bool:
        return [(await speak(session, url, voice_name="ann"))[0] for url in replicas.urls] == [404] * 3

    await until(deleted)


async def test_a_key_counts_and_ends_at_all_servers(replicas: Replicas, session: aiohttp.ClientSession) -> None:
    managements = [server.management_url for server in replicas.servers]
    async with session.post(f"{managements[1]}/admin/keys", json={"name": "reports"}) as response:
        assert response.status == 201
        other = {"Authorization": f"Bearer {(await response.json())['key']}"}

    async def statuses() -> list[int]:
        found = []
        for url in replicas.urls:
            async with session.post(f"{url}/tts", json={"text": TEXT}, headers=other) as response:
                found.append(response.status)
        return found

    await until(lambda: listed(session, managements, "reports", "valid"))
    assert await statuses() == [200] * 3
    async with session.delete(f"{managements[2]}/admin/keys/reports") as response:
        assert response.status == 200
    await until(lambda: listed(session, managements, "reports", "revoked"))
    assert await statuses() == [401] * 3


async def test_a_pronunciation_is_read_by_all(replicas: Replicas, session: aiohttp.ClientSession) -> None:
    for server, say in zip(replicas.servers[:2], ("engine ex", "engine x"), strict=True):
        body = {"text": "nginx", "say": say}
        async with session.put(f"{server.management_url}/admin/pronunciations", json=body) as response:
            assert response.status == 200

    async def read_by_all() -> bool:
        for url in replicas.urls:
            async with session.post(f"{url}/v1/text/read", json={"text": "nginx"}) as response:
                if 'engine x"' not in await response.text():
                    return False
        return True

    await until(read_by_all)


async def test_limits_and_cached_audio_are_those_of_all(
    replicas: Replicas, balancers: dict[str, LoadBalancer], session: aiohttp.ClientSession
) -> None:
    async with session.post(
        f"{replicas.servers[0].management_url}/admin/keys",
        json={"name": "limited", "limits": {"requests_per_minute": 12}},
    ) as response:
        limited = {"Authorization": f"Bearer {(await response.json())['key']}"}

    async def status(url: str) -> int:
        async with session.post(f"{url}/tts", json={"text": TEXT}, headers=limited) as response:
            return response.status

    managements = [server.management_url for server in replicas.servers]
    await until(lambda: listed(session, managements, "limited", "valid"))
    statuses = await asyncio.gather(*(status(balancers["haproxy"].url) for _ in range(30)))
    assert (statuses.count(200), statuses.count(429)) == (12, 18)
    _, made, audio = await speak(session, replicas.urls[0], text="Nobody has said this before.")
    assert made["X-TTS-Cache"] == "miss"

    async def hits() -> bool:
        answers = [await speak(session, url, text="Nobody has said this before.") for url in replicas.urls]
        assert {audio for _, _, audio in answers} == {audio}
        return [headers["X-TTS-Cache"] for _, headers, _ in answers] == ["hit"] * 3

    await until(hits)


async def test_the_metrics_of_all_servers_add_up_to_what_was_sent(
    replicas: Replicas, balancers: dict[str, LoadBalancer], session: aiohttp.ClientSession
) -> None:
    async def counts(name: str) -> list[float]:
        found = []
        for url in replicas.urls:
            async with session.get(f"{url}/prometheus") as response:
                found.append(sum(samples(await response.text(), name, endpoint="/tts")))
        return found

    names = ("tts_requests_total", "tts_request_duration_seconds_count")
    before = {name: await counts(name) for name in names}
    answers = await asyncio.gather(
        *(speak(session, balancer.url) for balancer in balancers.values() for _ in range(30)),
        *(speak(session, balancer.url, text="(happy)") for balancer in balancers.values() for _ in range(5)),
    )
    statuses = [status for status, _, _ in answers]
    assert (statuses.count(200), statuses.count(422)) == (60, 10)
    for name, sent in zip(names, (70, 60), strict=True):
        grown = [after - earlier for after, earlier in zip(await counts(name), before[name], strict=True)]
        assert sum(grown) == sent
        assert all(grown)


async def test_without_the_store_known_voices_speak_and_changes_say_what_is_wrong(
    replicas: Replicas, session: aiohttp.ClientSession
) -> None:
    assert await register(session, replicas.urls[0], "ben", 400) == 201
    for url in replicas.urls:
        assert (await speak(session, url, voice_name="ben"))[0] == 200
    away = replicas.store.with_name("away")
    replicas.store.rename(away)
    try:
        for url in replicas.urls:
            assert await register(session, url, "cat", 600) == 503
            status, headers, body = await speak(session, url, voice_name="cat")
            assert (status, headers["Retry-After"]) == (503, "5")
            assert b"the shared store can't be" in body
            status, _, audio = await speak(session, url, voice_name="ben", text="Without the store it goes on.")
            assert (status, heard(audio)) == (200, 400)
    finally:
        away.rename(replicas.store)

    async def registered() -> bool:
        return [await register(session, url, "cat", 600) for url in replicas.urls][-1] in (200, 201)

    await until(registered)
    for url in replicas.urls:
        assert heard((await speak(session, url, voice_name="cat"))[2]) == 600


async def test_one_after_the_other_is_restarted_and_no_request_fails(
    replicas: Replicas, balancers: dict[str, LoadBalancer], key: str
) -> None:
    urls = [balancer.url for balancer in balancers.values()]
    async with traffic(urls, {"Authorization": f"Bearer {key}"}) as seen:
        await seen.until(20)
        for number in range(len(replicas.servers)):
            assert await asyncio.to_thread(replicas.restart, number) == 0
            await seen.until(20)
    assert seen.failures == []


async def test_of_a_server_that_is_killed_only_requests_in_flight_fail(
    replicas: Replicas, balancers: dict[str, LoadBalancer], key: str
) -> None:
    urls = [balancer.url for balancer in balancers.values()]
    async with traffic(urls, {"Authorization": f"Bearer {key}"}) as seen:
        await seen.until(20)
        await asyncio.to_thread(replicas.kill, 1)  # until it has ended, it takes connections
        killed = time.monotonic()
        await seen.until(100)
        await asyncio.to_thread(replicas.start, 1)
        await seen.until(20)
    assert [failure for failure in seen.failures if failure.began > killed] == []
    assert len(seen.failures) < CLIENTS  # the other two servers had some of them
