"""Which traces are kept."""

from __future__ import annotations

import random

from otel.sdk.sampling import ENOUGH, SLOWEST, WINDOW_SECONDS, TailSampler
from tests.fake_clock import Clock


def busy(policy: TailSampler, seconds: list[float], group: str = "1-10") -> list[bool]:
    return [policy.decide(group, duration, failed=False).sampled for duration in seconds]


def test_all_are_kept_when_traffic_is_low() -> None:
    clock = Clock()
    policy = TailSampler(5, clock)
    for _ in range(200):
        clock.now += 0.25
        assert policy.decide("1-10", 0.1, failed=False).sampled


def test_most_are_dropped_when_traffic_is_high() -> None:
    policy = TailSampler(5, Clock())
    kept = busy(policy, [0.1] * 10_000)
    assert sum(kept) <= SLOWEST + 5


def test_failures_are_always_kept() -> None:
    policy = TailSampler(0, Clock())
    assert all(policy.decide("1-10", None, failed=True).sampled for _ in range(1000))


def test_refusals_share_the_budget() -> None:
    policy = TailSampler(5, Clock())
    assert sum(policy.decide("0", None, failed=False).sampled for _ in range(10_000)) == 5


def test_the_slow_are_slow_for_their_range() -> None:
    policy = TailSampler(0, Clock())
    busy(policy, [60.0] * SLOWEST, "200+")  # nothing below is among the slowest of all
    busy(policy, [0.1] * 10 * ENOUGH, "1-10")
    busy(policy, [3.0] * 10 * ENOUGH, "200+")
    slow, fast = policy.decide("1-10", 0.5, failed=False), policy.decide("200+", 0.5, failed=False)
    assert (slow.sampled, slow.slow, slow.usual_seconds) == (True, True, 0.1)
    assert (fast.sampled, fast.slow, fast.usual_seconds) == (False, False, 3.0)


def test_the_slowest_of_a_window_are_never_dropped() -> None:
    policy = TailSampler(0, Clock())
    durations = [random.Random(1).expovariate(1) for _ in range(5000)]
    random.Random(2).shuffle(durations)
    kept = {duration for duration, keep in zip(durations, busy(policy, durations), strict=True) if keep}
    assert set(sorted(durations)[-SLOWEST:]) <= kept
    assert len(kept) < 0.15 * len(durations)


def test_a_new_window_begins_anew() -> None:
    clock = Clock()
    policy = TailSampler(0, clock)
    busy(policy, [60.0] * SLOWEST)
    assert not policy.decide("1-10", 1.0, failed=False).sampled
    clock.now += WINDOW_SECONDS
    assert policy.decide("1-10", 1.0, failed=False).sampled
