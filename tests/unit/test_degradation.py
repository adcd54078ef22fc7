"""What the watch notices, and what it must not take for a degradation; the service and the clock are simulated."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random

import pytest

from otel.contract.values import DegradationKind
from server.telemetry.degradation import INTERVAL_SECONDS, MOST_ATTEMPTS, DegradationMonitor
from server.telemetry.latency_baseline import MOST_RANGES, MOST_SAMPLES, OTHER, DurationReservoir, LatencyBaseline
from tests.fake_clock import Clock

USUAL = {"1-10": 0.075, "11-25": 0.2, "26-50": 0.4, "51-100": 0.8, "101-200": 1.8}
"""Seconds by range: coqui on two cores."""
SPREAD = 0.35
"""Sigma of the logarithm of an attempt's seconds over its range's median."""
HOUR = 3600.0


class Floor:
    """A watch over coqui and onnx, a service that takes ``factor`` times the usual, and a clock of its own."""

    def __init__(self, reference: float | None = None, seed: int = 1, log: logging.Logger | None = None) -> None:
        self.clock = Clock()
        self.random = random.Random(seed)
        kept = {} if log is None else {"log": log}
        self.watch = DegradationMonitor(["coqui", "onnx"], reference, clock=self.clock, **kept)

    def attempts(self, count: int, factor: float = 1.0, ok: bool = True, every: float = 1.0, **how: object) -> None:
        """So many end, one ``every`` so many seconds, and the watch looks after each."""
        groups = how.get("groups", tuple(USUAL))
        spread = how.get("spread", SPREAD)
        for _ in range(count):
            group = self.random.choice(groups)
            seconds = USUAL[group] * factor * self.random.lognormvariate(0, spread)
            self.watch.add("coqui", group, seconds if ok else None, ok)
            self.clock.now += every
            self.watch.evaluate()

    def learn(self) -> None:
        """The stable hour, and a while without traffic: the window is empty."""
        self.attempts(400, every=HOUR / 399)
        assert self.reference["state"] == "known"
        self.quiet()

    def quiet(self) -> None:
        self.clock.now += 301
        self.watch.evaluate()

    @property
    def degraded(self) -> set[tuple[str, str]]:
        shown = {(each["kind"], each["provider"]) for each in self.watch.describe()["degraded"]}
        assert shown == {(tags["kind"], tags["provider"]) for value, tags in self.watch.readings() if value}
        return shown

    @property
    def window(self) -> dict[str, object]:
        return self.watch.describe()["providers"]["coqui"]["window"]

    @property
    def reference(self) -> dict[str, object]:
        return self.watch.describe()["providers"]["coqui"]["reference"]


@pytest.fixture(name="told")
def fixture_told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="ttscope.watch")
    return caplog


def lines(told: pytest.LogCaptureFixture, level: int) -> list[logging.LogRecord]:
    return [record for record in told.records if record.levelno == level and "degraded" in record.message]


# latency


def test_a_slow_service_is_one_episode_told_at_both_ends(told) -> None:
    floor = Floor()
    floor.learn()
    floor.attempts(60, factor=2.0, every=2.0)
    assert floor.degraded == {("latency", "coqui")}
    (warning,) = lines(told, logging.WARNING)
    assert (warning.kind, warning.provider, warning.limit) == ("latency", "coqui", 1.5)
    assert warning.value > 1.5
    since = floor.watch.describe()["degraded"][0]["since_seconds"]
    assert 90 <= since <= 102, "it was noticed with the tenth attempt or soon after"
    floor.attempts(300, factor=1.0, every=2.0)
    assert floor.degraded == set()
    (info,) = lines(told, logging.INFO)
    assert (info.kind, info.provider) == ("latency", "coqui")
    assert since < info.seconds < since + 600
    assert len(lines(told, logging.WARNING)) == 1


def test_nine_attempts_are_too_few_and_ten_enough() -> None:
    floor = Floor()
    floor.learn()
    floor.attempts(9, factor=4.0)
    assert floor.degraded == set()
    assert floor.window["latency_ratio"] is None
    floor.attempts(1, factor=4.0)
    assert floor.degraded == {("latency", "coqui")}


def test_longer_texts_alone_are_no_slower_service() -> None:
    floor = Floor()
    floor.attempts(400, every=HOUR / 399, groups=("1-10",) * 5 + tuple(USUAL))
    floor.quiet()
    floor.attempts(100, groups=("1-10",))
    before = floor.window["median_seconds"]
    floor.attempts(400, groups=("101-200",))
    assert floor.window["median_seconds"] > 20 * before
    assert floor.window["latency_ratio"] < 1.2
    assert floor.degraded == set()


def test_shorter_texts_do_not_hide_a_slower_service() -> None:
    floor = Floor()
    floor.learn()
    floor.attempts(60, factor=2.0, groups=("1-10",))
    assert floor.window["median_seconds"] < USUAL["11-25"]
    assert floor.degraded == {("latency", "coqui")}


def test_an_episode_near_the_limit_does_not_flicker(told) -> None:
    floor = Floor()
    floor.learn()
    for factor in (1.55, 1.45, 1.55, 1.40, 1.55):
        floor.attempts(320, factor=factor, spread=0.0)
    assert len(lines(told, logging.WARNING)) == 1
    assert lines(told, logging.INFO) == []
    floor.attempts(320, factor=1.30, spread=0.0)
    assert floor.degraded == set()
    floor.attempts(320, factor=1.45, spread=0.0)
    assert floor.degraded == set(), "what ended an episode begins none before 1.5"


def test_a_number_that_is_set_holds_for_all_and_nothing_is_learned() -> None:
    floor = Floor(reference=0.2)
    assert floor.reference == {"state": "set", "seconds": 0.2}
    floor.attempts(20, groups=("11-25",))
    assert floor.degraded == set()
    floor.attempts(60, groups=("26-50",))
    assert floor.degraded == {("latency", "coqui")}
    floor.attempts(10, every=HOUR)
    assert floor.reference == {"state": "set", "seconds": 0.2}


@pytest.mark.parametrize("reference", [0.0, -1.0, math.nan, math.inf])
def test_a_reference_that_is_no_number_of_seconds_is_refused(reference: float) -> None:
    with pytest.raises(ValueError, match="reference latency"):
        DegradationMonitor(["coqui"], reference)


def test_no_episode_goes_on_without_attempts(told) -> None:
    floor = Floor()
    floor.learn()
    floor.attempts(30, factor=3.0)
    floor.attempts(30, ok=False)
    assert floor.degraded == {("latency", "coqui"), ("success_rate", "coqui")}
    floor.quiet()
    assert floor.degraded == set()
    assert {record.kind for record in lines(told, logging.INFO)} == {"latency", "success_rate"}


def share_noticed(factor: float, attempts: int = 10) -> float:
    """Of 1,000 windows of so many attempts, after one learned hour."""
    floor = Floor(log=logging.getLogger("ttscope.quiet"), seed=7)
    floor.learn()
    noticed = 0
    for _ in range(1000):
        floor.attempts(attempts - 1, factor, every=0.0)
        floor.attempts(1, factor, every=1.0)
        noticed += bool(floor.degraded)
        floor.quiet()
    return noticed / 1000


@pytest.mark.parametrize(
    ("factor", "least", "most"),
    [
        (1.0, 0.0, 0.01),
        (1.2, 0.0, 0.09),
        (1.5, 0.40, 0.65),
        (1.75, 0.82, 1.0),
        (2.0, 0.96, 1.0),
    ],
)
def test_with_ten_attempts_a_slower_service_is_noticed_and_a_usual_one_is_not(
    factor: float, least: float, most: float
) -> None:
    assert least <= share_noticed(factor) <= most


def test_with_a_hundred_attempts_there_is_hardly_a_doubt() -> None:
    floor = Floor(seed=7)
    floor.learn()
    noticed = {1.2: 0, 1.35: 0, 1.65: 0}
    for factor in noticed:
        for _ in range(100):
            floor.attempts(100, factor, every=0.001)
            noticed[factor] += bool(floor.degraded)
            floor.quiet()
    assert noticed[1.2] <= 1
    assert noticed[1.65] >= 95


# learning


def test_the_reference_is_the_median_of_each_range_in_the_first_hour(told) -> None:
    floor = Floor()
    floor.attempts(200, every=10.0)
    assert floor.reference == {"state": "learning", "seconds": {}}
    floor.attempts(200, every=10.0)
    assert floor.reference["state"] == "known"
    assert floor.reference["seconds"] == {group: pytest.approx(usual, rel=0.2) for group, usual in USUAL.items()}
    (learned,) = [record for record in told.records if "learned" in record.message]
    assert learned.provider == "coqui"


@pytest.mark.parametrize("later", [1.5, 1 / 1.5])
def test_an_hour_that_becomes_slower_or_faster_is_no_example_and_the_next_is_taken(later: float) -> None:
    floor = Floor()
    floor.attempts(180, every=10.0)
    floor.attempts(180, factor=later, every=10.0)
    assert floor.reference == {"state": "learning", "seconds": {}}
    floor.attempts(361, factor=later, every=10.0)
    assert floor.reference["state"] == "known"
    assert floor.reference["seconds"]["26-50"] == pytest.approx(0.4 * later, rel=0.2)


def test_longer_texts_in_its_second_half_do_not_make_an_hour_unstable() -> None:
    floor = Floor()
    floor.attempts(170, every=10.0, groups=("1-10", "11-25", "26-50"))
    floor.attempts(200, every=10.0, groups=("26-50", "51-100", "101-200"))
    assert floor.reference["state"] == "known"


@pytest.mark.parametrize(("failures", "state"), [(10, "known"), (30, "learning")])
def test_an_hour_in_which_much_fails_is_no_example(failures: int, state: str) -> None:
    floor = Floor()
    floor.attempts(failures, ok=False)
    floor.attempts(360, every=10.0)
    assert floor.reference["state"] == state


@pytest.mark.parametrize(("attempts", "state"), [(19, "learning"), (20, "known")])
def test_nineteen_attempts_are_no_hour(attempts: int, state: str) -> None:
    floor = Floor()
    floor.attempts(attempts, every=HOUR / (attempts - 0.5), spread=0.01)
    assert floor.reference["state"] == state


def test_a_rare_range_gets_its_reference_with_its_twentieth_attempt() -> None:
    floor = Floor()
    floor.attempts(5, groups=("101-200",))
    floor.attempts(400, every=10.0, groups=("1-10",))
    assert set(floor.reference["seconds"]) == {"1-10"}
    floor.attempts(14, groups=("101-200",))
    assert set(floor.reference["seconds"]) == {"1-10"}
    floor.attempts(1, groups=("101-200",))
    assert floor.reference["seconds"]["101-200"] == pytest.approx(1.8, rel=0.25)


def test_no_reference_is_taken_from_a_service_that_is_known_to_be_slow() -> None:
    floor = Floor()
    floor.attempts(400, every=10.0, groups=("1-10",))
    floor.quiet()
    floor.attempts(60, factor=3.0, groups=("1-10",))
    floor.attempts(30, factor=3.0, groups=("101-200",))
    assert floor.degraded == {("latency", "coqui")}
    assert set(floor.reference["seconds"]) == {"1-10"}


# success and availability


def test_the_success_rate_is_one_episode_told_at_both_ends(told) -> None:
    floor = Floor()
    floor.attempts(38)
    floor.attempts(2, ok=False)
    assert floor.degraded == set(), "95 % is not below 95 %"
    floor.attempts(1, ok=False)
    assert floor.degraded == {("success_rate", "coqui")}
    (shown,) = floor.watch.describe()["degraded"]
    assert shown == {
        "kind": "success_rate",
        "provider": "coqui",
        "since_seconds": 0.0,
        "value": round(38 / 41, 4),
        "limit": 0.95,
    }
    floor.attempts(18)
    assert floor.degraded == {("success_rate", "coqui")}
    floor.attempts(1)
    assert floor.degraded == set(), "57 of 60 are 95 %"
    (warning,) = lines(told, logging.WARNING)
    (info,) = lines(told, logging.INFO)
    assert warning.value == round(38 / 41, 4)
    assert (info.kind, info.seconds) == ("success_rate", 19.0)


def test_a_rate_of_fewer_than_twenty_attempts_is_not_judged() -> None:
    floor = Floor()
    floor.attempts(19, ok=False)
    assert floor.degraded == set()
    floor.attempts(1, ok=False)
    assert floor.degraded == {("success_rate", "coqui")}


def test_unavailable_lasts_until_it_is_available_again_whatever_the_window(told) -> None:
    floor = Floor()
    floor.watch.set_available("coqui", available=True)
    assert told.records == []
    floor.watch.set_available("coqui", available=False)
    floor.watch.set_available("coqui", available=False)
    assert floor.degraded == {("unavailable", "coqui")}
    assert floor.watch.describe()["providers"]["coqui"]["available"] is False
    assert floor.watch.describe()["providers"]["onnx"]["available"] is True
    floor.attempts(100)
    floor.quiet()
    assert floor.degraded == {("unavailable", "coqui")}
    floor.watch.set_available("coqui", available=True)
    assert floor.degraded == set()
    (warning,) = lines(told, logging.WARNING)
    (info,) = lines(told, logging.INFO)
    assert (warning.kind, info.kind, info.seconds) == ("unavailable", "unavailable", 401.0)


# what is shown, what it costs


def test_there_is_a_reading_of_every_kind_and_provider() -> None:
    readings = Floor().watch.readings()
    assert {value for value, _ in readings} == {0}
    assert sorted((tags["kind"], tags["provider"]) for _, tags in readings) == sorted(
        (kind.value, provider) for kind in DegradationKind for provider in ("coqui", "onnx")
    )


def test_the_description_is_json_whatever_came() -> None:
    floor = Floor()
    for seconds in (math.nan, math.inf, -math.inf, -1.0, 0.0, None):
        for ok in (True, False):
            for _ in range(30):
                floor.watch.add("coqui", "1-10", seconds, ok)
    floor.watch.evaluate()
    shown = json.loads(json.dumps(floor.watch.describe(), allow_nan=False))
    assert shown["providers"]["coqui"]["window"] == {
        "attempts": 360,
        "success_rate": 0.5,
        "latency_ratio": None,
        "median_seconds": None,
    }


def test_the_duration_of_a_failure_says_nothing_of_latency() -> None:
    floor = Floor()
    floor.learn()
    for _ in range(20):
        floor.watch.add("coqui", "1-10", 60.0, ok=False)
    floor.watch.evaluate()
    assert floor.degraded == {("success_rate", "coqui")}


def test_a_provider_that_is_not_watched_makes_no_series() -> None:
    watch = Floor().watch
    watch.add("stranger", "1-10", 1.0, ok=True)
    watch.set_available("stranger", available=False)
    assert set(watch.describe()["providers"]) == {"coqui", "onnx"}
    assert watch.describe()["degraded"] == []


def test_memory_is_bounded_by_count_by_time_and_by_ranges() -> None:
    floor = Floor()
    for number in range(20 * MOST_ATTEMPTS):
        floor.watch.add("coqui", f"range {number}", 1.0, ok=True)
        floor.clock.now += HOUR / (20 * MOST_ATTEMPTS)
    floor.watch.evaluate()
    assert floor.window["attempts"] == MOST_ATTEMPTS
    floor.clock.now += HOUR
    floor.watch.evaluate()
    assert floor.window["attempts"] == 0
    floor.watch.add("coqui", "one more", 1.0, ok=True)
    known = floor.reference["seconds"]
    assert OTHER in known
    assert len(known) <= MOST_RANGES + 1


def test_samples_are_bounded_and_spread_over_all_that_came() -> None:
    samples = DurationReservoir()
    for number in range(1_000_000):
        samples.add(float(number))
    assert MOST_SAMPLES / 2 <= len(samples.samples) < MOST_SAMPLES
    steps = {later - before for before, later in zip(samples.samples, samples.samples[1:], strict=False)}
    assert len(steps) == 1
    assert samples.samples[-1] > 1_000_000 - 2 * steps.pop()


def test_a_reference_knows_nothing_before_its_hour_is_over() -> None:
    reference = LatencyBaseline(HOUR)
    for second in range(3600):
        reference.add(float(second), "1-10", 1.0, ok=True)
    assert not reference.settle(3599.9)
    assert reference.of("1-10") is None
    assert reference.settle(3600.0)
    assert reference.of("1-10") == 1.0
    assert not reference.settle(7200.0)


async def test_it_looks_by_itself_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor()
    slept: list[float] = []
    looked_twice = asyncio.Event()
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            looked_twice.set()
        await pause(0)

    monkeypatch.setattr("server.telemetry.degradation.asyncio.sleep", sleep)
    for _ in range(20):
        floor.watch.add("coqui", "1-10", None, ok=False)
    task = asyncio.create_task(floor.watch.run())
    await asyncio.wait_for(looked_twice.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert floor.degraded == {("success_rate", "coqui")}
    assert set(slept) == {INTERVAL_SECONDS}
