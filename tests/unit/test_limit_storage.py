"""Tests the storage in memory that stands behind the limits of clients."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter

from server.access.limit_storage import BoundedStorage
from tests.fake_clock import Clock

SUBJECTS = 100_000
PAUSES = (0.0, 0.001, 1.0, 29.5, 30.0, 59.999, 60.0)
"""Seconds between two calls."""


@settings(deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(PAUSES)), max_size=80),
)
async def test_no_window_of_a_minute_has_more_hits_than_the_limit(limit: int, calls: list[tuple[str, float]]) -> None:
    """And no hit is refused while there are fewer."""
    clock = Clock()
    limiter = MovingWindowRateLimiter(BoundedStorage(clock=clock))
    item = RateLimitItemPerMinute(limit)
    hits: dict[str, list[float]] = {"a": [], "b": []}
    for subject, pause in calls:
        clock.now += pause
        within = [hit for hit in hits[subject] if hit > clock.now - 60]
        reset, left = await limiter.get_window_stats(item, subject)
        assert left == limit - len(within)
        assert reset == (within[0] if within else clock.now) + 60
        acquired = await limiter.hit(item, subject)
        assert acquired == (len(within) < limit)
        if acquired:
            hits[subject].append(clock.now)


async def test_a_counter_ends_and_begins_anew() -> None:
    clock = Clock()
    storage = BoundedStorage(clock=clock)
    assert await storage.incr("a", 10, 5) == 5
    clock.now += 9
    assert await storage.incr("a", 10, -2) == await storage.get("a") == 3
    assert await storage.get_expiry("a") == clock.now + 1
    clock.now += 1
    assert await storage.get("a") == 0
    assert await storage.incr("a", 10) == 1


async def test_what_was_not_used_for_longest_makes_room() -> None:
    storage = BoundedStorage(3, Clock())
    for name in "abcadea":
        await storage.incr(name, 100)
    assert [await storage.get(name) for name in "abcde"] == [3, 0, 0, 1, 1]


async def test_memory_is_bounded_whoever_comes() -> None:
    storage = BoundedStorage(clock=Clock())
    limiter = MovingWindowRateLimiter(storage)
    item = RateLimitItemPerMinute(100)
    tracemalloc.start()
    try:
        for number in range(SUBJECTS + 10_000):
            assert await limiter.hit(item, f"{number:032x}")
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(storage) == SUBJECTS
    assert used < 100e6


async def test_what_is_over_is_removed_while_others_come() -> None:
    clock = Clock()
    storage = BoundedStorage(clock=clock)
    limiter = MovingWindowRateLimiter(storage)
    item = RateLimitItemPerMinute(100)
    for number in range(1000):
        await limiter.hit(item, str(number))
        await storage.incr(str(number), 60)
    clock.now += 60
    for number in range(200):
        await limiter.hit(item, f"new {number}")
        await storage.incr(f"new {number}", 60)
    assert len(storage) == 400


async def test_it_can_be_cleared() -> None:
    storage = BoundedStorage(clock=Clock())
    for name in "ab":
        await storage.incr(name, 60)
        await storage.acquire_entry(name, 1, 60)
    await storage.clear("a")
    assert (await storage.get("a"), await storage.get_moving_window("a", 1, 60)) == (0, (1000.0, 0))
    assert await storage.reset() == 2
    assert len(storage) == 0
    assert await storage.check()
