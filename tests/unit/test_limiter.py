"""Tests which limits apply to a client, what a request takes of them, and what it gives back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel.contract.values import RateLimitReason
from server.access.caller import ANONYMOUS, Caller, KeyLimits
from server.access.limiter import Limiter, Permit
from server.access.usage import Operation, Period, UsageStore, period
from server.errors import InsufficientQuota, RateLimitExceeded, SpeechError
from server.utterance import Chunk
from tests.examples import examples
from tests.fake_clock import Clock

SECRET = b"a secret of the tests"
ADDRESS = "192.0.2.1"
RATE = 1000
NONE = KeyLimits(0, 0, 0, 0)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()


def caller(limits: KeyLimits | None = None, key_id: str = "one") -> Caller:
    return Caller("a key", key_id=key_id, limits=limits or KeyLimits())


class Clients:
    """A limiter with a clock that stands, and requests of its clients."""

    def __init__(self, defaults: KeyLimits) -> None:
        self.clock = Clock()
        self.clock.now = NOON
        self.limiter = Limiter(UsageStore(SECRET, clock=self.clock), defaults)

    def permit(self, client: str = ADDRESS, caller: Caller = ANONYMOUS) -> Permit:
        permit = self.limiter.permit(caller, client)
        assert permit is not None
        return permit

    async def enter(self, client: str = ADDRESS, caller: Caller = ANONYMOUS) -> Permit:
        permit = self.permit(client, caller)
        try:
            await permit.enter()
        except SpeechError:
            permit.leave(failed=True)
            raise
        return permit

    async def refused_for(self) -> int:
        """The Retry-After of a request; 0 if it is accepted."""
        try:
            await self.enter()
        except RateLimitExceeded as refusal:
            return refusal.retry_after or 0
        return 0

    async def speak(self, characters: int, estimate: float, seconds: float, *, failed: bool = False) -> dict[str, str]:
        """The header fields of a request that was answered with ``seconds`` of audio, one chunk a second."""
        permit = await self.enter()
        try:
            permit.charge(characters, estimate)
            async for _ in permit.metered(chunks(seconds)):
                pass
        except SpeechError:
            failed = True
            raise
        finally:
            permit.leave(failed=failed)
            await self.settled()
        return await permit.fields()

    async def settled(self) -> None:
        await asyncio.gather(*self.limiter._tasks)

    async def left(self) -> list[int]:
        permit = self.permit()
        await permit.enter()
        permit.leave(failed=True)
        return [int(amount) for amount in re.findall(r"r=(\d+)", (await permit.fields())["RateLimit"])]


async def chunks(seconds: float) -> AsyncGenerator[Chunk, None]:
    while seconds > 0:
        yield Chunk(np.zeros(round(min(seconds, 1.0) * RATE), dtype=np.float32), RATE)
        seconds -= 1.0


@pytest.fixture
async def of_each() -> AsyncIterator[Clients]:
    """Clients with one limit of each kind."""
    clients = Clients(KeyLimits(3, 2, 10, 100))
    yield clients
    await clients.settled()


@pytest.mark.parametrize("client", ["127.0.0.1", "127.1.2.3", "::/64"])
def test_who_calls_from_this_machine_without_a_key_has_no_limit(client: str) -> None:
    limiter = Limiter(UsageStore(SECRET), KeyLimits(1, 1, 1, 1))
    assert limiter.permit(ANONYMOUS, client) is None
    assert limiter.permit(caller(), client) is not None
    assert limiter.permit(ANONYMOUS, ADDRESS) is not None


def test_without_limits_there_is_no_permit() -> None:
    limiter = Limiter(UsageStore(SECRET), NONE)
    assert limiter.permit(ANONYMOUS, ADDRESS) is None
    assert limiter.permit(caller(KeyLimits(requests_per_minute=1)), "key:one") is not None
    assert Limiter(UsageStore(SECRET), KeyLimits(5, 5, 5, 5)).permit(caller(NONE), "key:one") is None


async def test_the_requests_of_a_minute_are_counted_and_come_back_one_by_one() -> None:
    clients = Clients(KeyLimits(2, 0, 0, 0))
    fields = []
    for pause in (0, 20, 39.5, 0.5, 20):
        clients.clock.now += pause
        try:
            permit = await clients.enter()
        except RateLimitExceeded as error:
            fields.append(f"{error.limit} for {error.retry_after} s")
        else:
            permit.leave(failed=False)
            fields.append((await permit.fields())["RateLimit"])
            assert (await permit.fields())["RateLimit-Policy"] == '"requests_per_minute";q=2;w=60'
    assert fields == [
        '"requests_per_minute";r=1;t=60',
        '"requests_per_minute";r=0;t=40',
        "requests_per_minute for 1 s",
        '"requests_per_minute";r=0;t=20',
        '"requests_per_minute";r=0;t=40',
    ]


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.floats(0, 40), max_size=30))
async def test_retry_after_is_right_to_the_second(pauses: list[float]) -> None:
    """A request that waits so long is accepted, and one that comes a second earlier is not."""
    clients = Clients(KeyLimits(3, 0, 0, 0))
    for pause in pauses:
        clients.clock.now += pause
        seconds = await clients.refused_for()
        if seconds:
            assert 1 <= seconds <= 60
            clients.clock.now += seconds - 1
            assert seconds == 1 or await clients.refused_for() == 1
            clients.clock.now += 1
            assert await clients.refused_for() == 0


async def test_open_requests_are_limited_and_a_refused_one_counts_for_nothing(of_each: Clients) -> None:
    first, second = await of_each.enter(), await of_each.enter()
    with pytest.raises(RateLimitExceeded) as refusal:
        await of_each.enter()
    assert (refusal.value.limit, refusal.value.retry_after) == (RateLimitReason.CONCURRENT_REQUESTS, 1)
    fields = (await second.fields())["RateLimit"]
    assert fields.startswith('"requests_per_minute";r=1;t=60, "concurrent_requests";r=0, ')
    first.leave(failed=True)
    first.leave(failed=True)  # once is enough
    assert of_each.limiter.open == {ADDRESS: 1}
    third = await of_each.enter()
    for permit in (second, third):
        permit.leave(failed=False)
    assert of_each.limiter.open == {}
    with pytest.raises(RateLimitExceeded) as refusal:
        await of_each.enter()
    assert refusal.value.limit is RateLimitReason.REQUESTS_PER_MINUTE
    assert of_each.limiter.open == {}


async def test_clients_do_not_share_a_limit_and_a_key_has_its_own() -> None:
    clients = Clients(KeyLimits(1, 0, 0, 0))
    await clients.enter()
    await clients.enter("192.0.2.2")
    for _ in range(2):
        await clients.enter("key:one", caller(KeyLimits(requests_per_minute=2)))
    await clients.enter("key:two", caller(key_id="two"))
    for client, who in ((ADDRESS, ANONYMOUS), ("192.0.2.2", ANONYMOUS), ("key:two", caller(key_id="two"))):
        with pytest.raises(RateLimitExceeded):
            await clients.enter(client, who)
    with pytest.raises(RateLimitExceeded):
        await clients.enter("key:one", caller(KeyLimits(requests_per_minute=2)))


async def test_an_answer_takes_its_characters_and_the_audio_that_was_made(of_each: Clients) -> None:
    fields = await of_each.speak(40, estimate=3.0, seconds=2.5)
    assert fields["RateLimit-Policy"] == (
        '"requests_per_minute";q=3;w=60, "concurrent_requests";q=2;qu="concurrent-requests", '
        '"audio_seconds_per_day";q=10;qu="audio-seconds";w=86400, '
        '"characters_per_month";q=100;qu="characters";w=2592000'
    )
    assert fields["RateLimit"] == (
        '"requests_per_minute";r=2;t=60, "concurrent_requests";r=2, "audio_seconds_per_day";r=7;t=43200, '
        f'"characters_per_month";r=60;t={36 * 3600}'
    )


async def test_what_fails_takes_nothing(of_each: Clients) -> None:
    await of_each.speak(40, estimate=3.0, seconds=2.5, failed=True)
    assert (await of_each.left())[2:] == [10, 100]


async def test_who_leaves_before_there_was_audio_takes_nothing(of_each: Clients) -> None:
    await of_each.speak(40, estimate=3.0, seconds=0.0)
    assert (await of_each.left())[2:] == [10, 100]


async def test_while_audio_is_made_its_estimate_is_taken(of_each: Clients) -> None:
    permit = await of_each.enter()
    permit.charge(40, 3.0)
    assert '"audio_seconds_per_day";r=7;' in (await permit.fields())["RateLimit"]
    permit.leave(failed=False)
    await of_each.settled()
    assert '"audio_seconds_per_day";r=10;' in (await permit.fields())["RateLimit"]


@pytest.mark.parametrize(
    ("characters", "seconds", "reason", "retry_after"),
    [
        (101, 1.0, RateLimitReason.CHARACTERS_PER_MONTH, 36 * 3600),
        (1, 10.1, RateLimitReason.AUDIO_SECONDS_PER_DAY, 12 * 3600),
    ],
)
async def test_a_quota_that_is_spent_refuses_until_the_next_period(
    of_each: Clients, characters: int, seconds: float, reason: RateLimitReason, retry_after: int
) -> None:
    with pytest.raises(InsufficientQuota) as refusal:
        await of_each.speak(characters, seconds, seconds)
    assert (refusal.value.limit, refusal.value.retry_after) == (reason, retry_after)
    assert (await of_each.left())[2:] == [10, 100]
    half = (characters // 2, seconds / 2)
    await of_each.speak(*half, half[1])
    of_each.clock.now += 60
    await of_each.speak(1, 0.1, 0.1)
    with pytest.raises(InsufficientQuota):
        await of_each.speak(*half, half[1])
    of_each.clock.now += retry_after
    await of_each.speak(*half, half[1])


async def test_of_two_that_take_the_rest_at_the_same_moment_one_is_refused_before_its_audio() -> None:
    clients = Clients(KeyLimits(0, 0, 0, 100))
    first, second = await clients.enter(), await clients.enter()
    for permit in (first, second):
        permit.charge(60, 1.0)  # neither knows of the other
    heard = [len([chunk async for chunk in first.metered(chunks(2.0))])]
    with pytest.raises(InsufficientQuota):
        heard.append(len([chunk async for chunk in second.metered(chunks(2.0))]))
    second.leave(failed=True)
    first.leave(failed=False)
    await clients.settled()
    assert heard == [2]
    assert await clients.left() == [40]


@settings(max_examples=examples(50), deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([0.0, 0.1, 2.5, 8.0]), st.floats(0.1, 2), st.booleans()),
        max_size=20,
    )
)
async def test_never_more_than_the_quotas_are_spoken(requests: list[tuple[int, float, float, bool]]) -> None:
    """But for the error of the last estimate."""
    clients = Clients(KeyLimits(0, 0, 20, 200))
    characters, seconds, error = 0, 0.0, 0.0
    for size, length, accuracy, failed in requests:
        try:
            await clients.speak(size, length * accuracy, length, failed=failed)
        except InsufficientQuota:
            assert characters + size > 200 or seconds + length * accuracy > 20 - 0.01
            continue
        if not failed:
            characters += size if length else 0
            seconds += length
            error = max(error, length * (1 - accuracy))
    assert characters <= 200
    assert seconds <= 20 + max(0.0, error) + 0.01


class HeldStore(UsageStore):
    """A store that answers only when it is let; ``waiting`` are its look-ups."""

    waiting = 0
    shared = True

    async def _run(self, subject: str, operation: Operation[Any]) -> Any:
        self.waiting += 1
        await self.answer.wait()
        self.waiting -= 1
        return await super()._run(subject, operation)


async def test_a_request_waits_for_the_store_once() -> None:
    """All that it has to know is asked for at the same time, and the rest while its speech is made."""
    store = HeldStore(SECRET)
    store.answer = asyncio.Event()
    permit = Limiter(store, KeyLimits(3, 2, 10, 100)).permit(ANONYMOUS, ADDRESS)
    assert permit
    entering = asyncio.create_task(permit.enter())
    while store.waiting < 3:
        await asyncio.sleep(0)
    store.answer.set()
    while store.waiting:
        await asyncio.sleep(0)
    store.answer = asyncio.Event()
    await entering
    permit.charge(40, 3.0)
    speech = permit.metered(chunks(2.0))
    first = asyncio.create_task(anext(speech))
    while store.waiting < 3:  # what is left of the minute, and both charges
        await asyncio.sleep(0)
    assert not first.done()
    store.answer.set()
    assert (await first).seconds == 1.0
    permit.leave(failed=False)
    await permit.fields()


@pytest.mark.parametrize(
    ("reason", "moment", "expected"),
    [
        (RateLimitReason.AUDIO_SECONDS_PER_DAY, "2026-11-29T23:59:59", ("2026-11-29", 86400, "2026-11-30T00:00:00")),
        (RateLimitReason.AUDIO_SECONDS_PER_DAY, "2026-12-31T00:00:00", ("2026-12-31", 86400, "2027-01-01T00:00:00")),
        (RateLimitReason.CHARACTERS_PER_MONTH, "2026-12-31T23:59:59", ("2026-12", 31 * 86400, "2027-01-01T00:00:00")),
        (RateLimitReason.CHARACTERS_PER_MONTH, "2028-02-01T00:00:00", ("2028-02", 29 * 86400, "2028-03-01T00:00:00")),
    ],
)
def test_days_and_months_are_those_of_utc(reason: RateLimitReason, moment: str, expected: tuple[str, int, str]) -> None:
    name, seconds, end = expected
    assert period(reason, unix(moment)) == Period(name, seconds, unix(end))


def unix(moment: str) -> float:
    return datetime.fromisoformat(f"{moment}+00:00").timestamp()
