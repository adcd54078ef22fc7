"""How busy the server is: what routers are told, and when load is shed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from otel.contract.values import Outcome
from server.errors import QueueFull, UnknownVoice
from server.network.agent_check import HALVING_SECONDS, agent_state
from server.record import RequestRecord
from server.synthesis.admission import Admission
from server.synthesis.busy_share import WINDOW_SECONDS, BusyShare
from server.telemetry.event_rate import EventRate
from server.telemetry.samplers import SystemSampler
from server.telemetry.server_load import ServerLoad
from server.telemetry.summary import Summary
from tests.fake_clock import Clock

SHED = 10.0
RATE = 4.0


class Chain:
    """A chain with a fixed load."""

    rate = RATE
    depth = 3


class Speaker:
    """A synthesizer that is ready or not."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ready = ready


class House:
    """A load and what it reads."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.admission = Admission(100, 1e6, 1e6, lambda: RATE, most_unsent=1000, clock=self.clock)
        self.summary = Summary(self.clock)
        self.system = SystemSampler()
        self.load = ServerLoad(
            Chain(),  # type: ignore[arg-type]
            self.admission,
            self.summary,
            self.system,
            shed_seconds=SHED,
            clock=self.clock,
        )

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """The forecast wait is ``seconds``."""
        with self.admission.admit_synthesis(seconds * RATE):
            assert self.load.wait_seconds == pytest.approx(seconds)
            yield

    def state(self, *, ready: bool = True) -> str:
        return agent_state(self.load, Speaker(ready=ready))  # type: ignore[arg-type]


def ended(error: UnknownVoice | QueueFull | None = None) -> RequestRecord:
    record = RequestRecord("id", "/tts", "POST")
    record.finish(Outcome.REJECTED if error else Outcome.OK, error.status if error else 200, error)
    return record


def test_the_busy_share_is_an_exponential_mean() -> None:
    clock = Clock()
    share = BusyShare(clock)
    assert share.mean == 0
    share.mark(True)
    clock.now += WINDOW_SECONDS
    assert share.mean == pytest.approx(1 - math.exp(-1))
    share.mark(True)  # again: no change
    share.mark(False)
    clock.now += WINDOW_SECONDS
    assert share.mean == pytest.approx((1 - math.exp(-1)) * math.exp(-1))


def test_half_the_time_busy_is_a_share_of_a_half() -> None:
    clock = Clock()
    share = BusyShare(clock)
    for step in range(1000):
        share.mark(step % 2 == 0)
        clock.now += 0.1
    assert share.mean == pytest.approx(0.5, abs=0.01)


def test_the_rate_of_even_events_is_theirs() -> None:
    clock = Clock()
    rate = EventRate(clock)
    assert rate.per_second == 0
    for _ in range(500):
        clock.now += 0.25
        rate.count()
    assert rate.per_second == pytest.approx(4, rel=0.02)
    clock.now += 10 * WINDOW_SECONDS
    assert rate.per_second < 0.001


def test_utilization_is_one_when_always_busy_and_two_when_load_is_shed() -> None:
    house = House()
    assert house.load.utilization == 0
    with house.waiting(SHED):
        house.clock.now += 10 * WINDOW_SECONDS
        assert house.load.utilization == pytest.approx(2, abs=0.001)
    assert house.load.utilization == pytest.approx(1, abs=0.001)
    house.clock.now += 10 * WINDOW_SECONDS
    assert house.load.utilization == pytest.approx(0, abs=0.001)


def test_a_stream_whose_reader_is_behind_does_not_count() -> None:
    house = House()
    with house.admission.admit_synthesis(SHED * RATE) as slot, slot.paused():
        house.clock.now += WINDOW_SECONDS
        assert (house.load.wait_seconds, house.load.utilization) == (0, 0)


def test_load_is_shed_until_half_the_wait() -> None:
    house = House()
    with house.waiting(SHED - 0.1):
        assert not house.load.shedding
    with house.waiting(SHED):
        assert house.load.shedding
        assert house.load.resume_seconds == SHED / 2
    with house.waiting(SHED / 2):
        assert house.load.shedding
        assert house.load.resume_seconds == 1
    with house.waiting(SHED / 2 - 0.1):
        assert not house.load.shedding
    with house.waiting(SHED - 0.1):
        assert not house.load.shedding


def test_the_figures_are_those_of_the_metrics() -> None:
    house = House()
    house.summary.open()
    for record in (ended(), ended(UnknownVoice("?")), ended(QueueFull("full"))):
        house.summary.open()
        house.summary.close(record)
    house.system.cpu_percent = 25.0
    with house.waiting(2.0):
        figures = house.load.figures()
    assert figures.cpu_utilization == 0.25
    assert figures.utilization == pytest.approx(0.2)
    assert figures.requests_per_second == pytest.approx(4 / WINDOW_SECONDS)
    assert figures.failures_per_second == pytest.approx(1 / WINDOW_SECONDS)  # refused for want of room
    assert figures.named == {
        "forecast_wait_seconds": 2.0,
        "queue_audio_seconds": 2.0 * RATE,
        "queue_depth": 3.0,
        "requests_in_flight": 1.0,
    }


def test_figures_are_kept_for_a_moment() -> None:
    house = House()
    before = house.load.figures()
    with house.waiting(2.0):
        assert house.load.figures() is before
        house.clock.now += 1.0
        house.system.cpu_percent = None
        assert house.load.figures().cpu_utilization is None
        assert house.load.figures().named["forecast_wait_seconds"] == 2.0


@pytest.mark.parametrize(
    ("wait", "state"),
    [(0, "up 100%"), (HALVING_SECONDS, "up 50%"), (4 * HALVING_SECONDS, "up 20%"), (SHED, "up 1%"), (1e5, "up 1%")],
)
def test_the_weight_for_haproxy_falls_with_the_wait(wait: float, state: str) -> None:
    house = House()
    with house.waiting(wait):
        assert house.state() == state


def test_a_server_that_can_not_speak_is_down_and_one_that_stops_has_no_weight() -> None:
    house = House()
    assert house.state(ready=False) == "down"
    house.admission.leave()
    assert house.state() == "up 0%"
    house.admission.close()
    assert house.state() == house.state(ready=False) == "up 0%"
