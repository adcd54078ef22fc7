"""How busy the server is: one source of the figures for metrics, routers' load reports, agent checks and readiness."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.synthesis.admission import Admission
from server.synthesis.fallback.chain import FallbackChain
from server.telemetry.samplers import SystemSampler
from server.telemetry.summary import Summary

RESUMING_SHARE = 0.5
"""The share of the wait at which load is shed, below which it is accepted again."""
FIGURES_SECONDS = 0.1
"""The time for which figures are kept: they change over seconds, and in an overload every refusal may report them."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The figures of one moment."""

    utilization: float
    """1.0: always busy, and nothing waits; 2.0: load is shed."""
    cpu_utilization: float | None
    """The share of the machine's processors in use, or of the container's limit; None if it can't be read."""
    requests_per_second: float
    failures_per_second: float
    named: Mapping[str, float]
    """Figures that have a metric, by that metric's name without ``tts_``."""


class ServerLoad:
    """The load of the server, and whether it sheds load; used by the event loop's thread alone."""

    def __init__(
        self,
        chain: FallbackChain,
        admission: Admission,
        summary: Summary,
        system: SystemSampler,
        *,
        shed_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``shed_seconds`` is the forecast wait from which on load is shed."""
        self._chain = chain
        self._admission = admission
        self._summary = summary
        self._system = system
        self._shed_seconds = shed_seconds
        self._clock = clock
        self._shedding = False
        self._figures: LoadFigures | None = None
        self._figures_until = float("-inf")

    @property
    def leaving(self) -> bool:
        """Whether routers should send their requests elsewhere, since the server has been told to stop."""
        return self._admission.leaving

    @property
    def wait_seconds(self) -> float:
        """The forecast wait of a new request."""
        return self._admission.wait_seconds

    @property
    def utilization(self) -> float:
        """The utilization: the busy share of the last seconds, plus the forecast wait as a share of the wait at which
        load is shed."""
        return self._admission.busy_share + self.wait_seconds / self._shed_seconds

    @property
    def shedding(self) -> bool:
        """Whether new requests should go elsewhere: from the wait at which load is shed until half of it, so that a
        router does not turn back and forth."""
        share = self.wait_seconds / self._shed_seconds
        self._shedding = share >= (RESUMING_SHARE if self._shedding else 1.0)
        return self._shedding

    @property
    def resume_seconds(self) -> int:
        """The forecast time until load is accepted again if no request comes, in whole seconds, at least one."""
        return max(1, math.ceil(self.wait_seconds - RESUMING_SHARE * self._shed_seconds))

    @property
    def queue_depth(self) -> int:
        """The number of requests that wait for the engine."""
        return self._chain.depth

    @property
    def queue_audio_seconds(self) -> float:
        """The estimated seconds of audio that requests wait for."""
        return self._admission.audio_seconds

    @property
    def requests_in_flight(self) -> int:
        """The number of requests for audio that have not ended."""
        return self._summary.in_flight

    def figures(self) -> LoadFigures:
        """Returns all figures, at most FIGURES_SECONDS old."""
        moment = self._clock()
        if self._figures is None or moment >= self._figures_until:
            self._figures, self._figures_until = self._read(), moment + FIGURES_SECONDS
        return self._figures

    def _read(self) -> LoadFigures:
        cpu = self._system.cpu_percent
        return LoadFigures(
            utilization=self.utilization,
            cpu_utilization=None if cpu is None else cpu / 100,
            requests_per_second=self._summary.requests.per_second,
            failures_per_second=self._summary.failures.per_second,
            named={
                "forecast_wait_seconds": self.wait_seconds,
                "queue_audio_seconds": self.queue_audio_seconds,
                "queue_depth": float(self.queue_depth),
                "requests_in_flight": float(self.requests_in_flight),
            },
        )
