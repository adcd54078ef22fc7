"""The check of the simulation, in short: real servers with a timed engine behind a real haproxy, and the same arrivals.

How far the figures are apart is asserted nowhere: a busy machine is slower than its model. ``python -m bench.simulation
--check`` does that on a quiet one.
"""

from __future__ import annotations

from dataclasses import astuple

import pytest

from bench.simulation.accuracy import MeasuredFleet, compare
from bench.targets import haproxy
from tests.even_times import even_times
from tests.installed import installed


@pytest.fixture(autouse=True)
def _haproxy() -> None:
    """Skips or fails without haproxy, as other tests do."""
    installed("haproxy")


@pytest.mark.timeout(300)
def test_the_same_arrivals_are_answered_by_real_and_by_simulated_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "SETTLING_SECONDS", 0.5)
    monkeypatch.setattr("bench.simulation.accuracy.WARM_UP_SECONDS", 0.5)
    monkeypatch.setattr("bench.simulation.accuracy.ALONE_SECONDS", 0.15)
    [comparison] = compare(even_times(speed=4.0), MeasuredFleet(2, False, 1), loads=(0.4,), seconds=2.0)
    assert 0 <= comparison.calibration.latency.first_audio < 1
    assert comparison.requests == comparison.answered > 5
    assert all(value > 0 for value in astuple(comparison.simulated))
    assert comparison.simulated.first_audio_p50 <= comparison.simulated.total_p95
    measured, simulated, latency = comparison.measured, comparison.simulated, comparison.calibration.latency
    # No machine is faster than its model: each step is slept for as long as the model says. What it waits besides was
    # measured at another moment, when the machine may have been busier.
    assert measured.first_audio_p50 > 0.9 * (simulated.first_audio_p50 - latency.first_audio)
    assert measured.total_p50 > 0.9 * (simulated.total_p50 - latency.first_audio - latency.end)
