"""What the watch is told of attempts: an odd text, or a client that left, says nothing of a provider."""

from __future__ import annotations

from typing import Any

import pytest

from otel.contract.values import AttemptOutcome
from server.record import AttemptRecord
from server.telemetry.degradation import DegradationMonitor
from server.telemetry.provider_metrics import ProviderMetrics
from server.utterance import Utterance
from tests.fake_clock import Clock
from tests.humming_provider import JOE


class NoMetrics:
    """Takes every measurement and keeps none."""

    def add(self, *measured: Any, **labels: Any) -> None: ...

    def record(self, *measured: Any, **labels: Any) -> None: ...


@pytest.mark.parametrize(
    ("outcome", "degraded"),
    [
        (AttemptOutcome.ERROR, True),
        (AttemptOutcome.TIMEOUT, True),
        (AttemptOutcome.FAULTY, False),
        (AttemptOutcome.REJECTED, False),
        (AttemptOutcome.CANCELLED, False),
    ],
)
async def test_only_what_says_something_of_the_provider_moves_its_success_rate(
    outcome: AttemptOutcome, degraded: bool
) -> None:
    watch = DegradationMonitor(["coqui"], None, clock=Clock())
    reporter = ProviderMetrics(NoMetrics(), watch)  # type: ignore[arg-type]
    for ended in (AttemptOutcome.OK, outcome):
        for _ in range(40):
            reporter.attempted(AttemptRecord("coqui", ended, 0, 1, 0.1), Utterance("Hi.", JOE, "en", 1, 3))
    watch.evaluate()
    assert bool(watch.describe()["degraded"]) is degraded
