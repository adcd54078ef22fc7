"""The signals of automatic scaling in the real Prometheus: a server that is gone counts no longer, and no data is no 0.

Each test sends what servers would have sent, with times of its own, and asks for the signals as of then: nothing waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from otel.contract import scaling
from otel.contract.metrics import QUEUE_AUDIO, STAGE_DURATION
from otel.contract.promql import UNSCOPED
from otel.contract.values import Stage
from tests.http_calls import post
from tests.stack import Stack, built

pytestmark = pytest.mark.timeout(900)  # the first test builds the programs, if they are not in the cache

EXPORT = 10
"""Seconds from one export of a server to its next."""
QUEUE, BUSY = scaling.queued_audio(UNSCOPED), scaling.busy_threads(UNSCOPED)
Point = dict[str, Any]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("prometheus"), built())
    try:
        stack.start("prometheus")
        yield stack
    finally:
        stack.kill(*stack.supervisor.names)


MINUTES = iter(range(10, 60, 10))


@pytest.fixture
def now() -> float:
    """A time of the test's own, ten minutes from that of the next one, within what Prometheus takes late."""
    return time.time() - 60 * next(MINUTES)


class Server:
    """What one server sends, by OTLP."""

    def __init__(self, prometheus: Stack, name: str) -> None:
        self._url = f"{prometheus.settings.url(prometheus.settings.prometheus_port)}/api/v1/otlp/v1/metrics"
        self._name = name

    def reports(self, queue: float, at: Sequence[float], *, busy: float | None = None) -> None:
        """Sends a queue of ``queue`` seconds at each time, and the work of ``busy`` threads, half of it decoding."""
        gauge = [{"timeUnixNano": _nanos(moment), "asDouble": queue} for moment in at]
        metrics: list[dict[str, Any]] = [{"name": QUEUE_AUDIO.name, "unit": "s", "gauge": {"dataPoints": gauge}}]
        if busy is not None:
            points = [_work(stage, busy / 2, moment, at[0]) for stage in (Stage.INFER, Stage.DECODE) for moment in at]
            points += [_work(Stage.QUEUE, 10 * busy, moment, at[0]) for moment in at]  # waiting is no work
            histogram = {"aggregationTemporality": 2, "dataPoints": points}
            metrics.append({"name": STAGE_DURATION.name, "unit": "s", "histogram": histogram})
        resource = {"attributes": [_text("service.name", "ttscope"), _text("service.instance.id", self._name)]}
        body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}
        status, _, answer = post(self._url, body)
        assert status in {200, 204}, answer


def _work(stage: str, busy: float, moment: float, begun: float) -> Point:
    seconds = busy * (moment - begun)
    return {
        "attributes": [_text("stage", stage)],
        "startTimeUnixNano": _nanos(begun),
        "timeUnixNano": _nanos(moment),
        "count": str(round(moment - begun)),
        "sum": seconds,
        "bucketCounts": [str(round(moment - begun)), "0"],
        "explicitBounds": [1.0],
    }


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": str(value)}}


def _nanos(moment: float) -> str:
    return str(round(moment * 1e9))


def exports(until: float, seconds: float = 120) -> list[float]:
    return [until - EXPORT * number for number in range(int(seconds / EXPORT), -1, -1)]


def values(prometheus: Stack, query: str, at: float) -> list[float]:
    return [value for _, value in prometheus.query(query, at)]


def test_the_signals_are_sums_over_the_servers(prometheus: Stack, now: float) -> None:
    for name, queue, busy in (("a", 30.0, 1.5), ("b", 90.0, 0.5)):
        Server(prometheus, name).reports(queue, exports(now), busy=busy)
    assert values(prometheus, QUEUE, now) == [120.0]
    assert values(prometheus, BUSY, now) == [pytest.approx(2.0)]
    assert values(prometheus, scaling.servers(UNSCOPED), now) == [2]
    assert values(prometheus, scaling.per_server(QUEUE, UNSCOPED), now) == [60.0]


def test_a_server_that_is_gone_does_not_count_on(prometheus: Stack, now: float) -> None:
    """It was killed with a full queue, so nobody sent a 0: by OTLP its last value is found for five minutes."""
    Server(prometheus, "c").reports(30.0, exports(now), busy=0.5)
    Server(prometheus, "killed").reports(600.0, exports(now - 61), busy=1.5)
    assert values(prometheus, UNSCOPED.total(QUEUE_AUDIO), now) == [630.0], "what the signal must not do"
    assert values(prometheus, QUEUE, now) == [30.0]
    assert values(prometheus, BUSY, now) == [pytest.approx(0.5)]
    assert values(prometheus, scaling.servers(UNSCOPED), now) == [1]


def test_a_lost_pipeline_is_no_value_and_not_a_quiet_service(prometheus: Stack, now: float) -> None:
    """No value: the autoscaler keeps the number of servers. 0 would take all but the fewest away."""
    Server(prometheus, "d").reports(300.0, exports(now - 61), busy=1.5)
    assert values(prometheus, QUEUE, now) == []
    assert values(prometheus, BUSY, now) == []


def test_a_server_without_requests_yet_is_a_quiet_service(prometheus: Stack, now: float) -> None:
    Server(prometheus, "e").reports(0.0, exports(now, 20))
    assert values(prometheus, QUEUE, now) == [0.0]
    assert values(prometheus, BUSY, now) == [0.0]


def test_one_lost_export_changes_nothing(prometheus: Stack, now: float) -> None:
    late = [moment for moment in exports(now - EXPORT) if moment != now - 2 * EXPORT]
    Server(prometheus, "f").reports(45.0, late)
    assert values(prometheus, QUEUE, now) == [45.0]
