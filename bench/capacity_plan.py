"""How many servers recorded traffic needs, by a simulation that is calibrated on the traffic itself."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bench.clients.filler import filler
from bench.recorded import RecordedRequest, Traffic, seconds_since
from bench.simulation.fleet import LOW_RATE, Fleet, FleetRun, simulate
from bench.simulation.rate_provider import RateProvider
from bench.simulation.step_times import StepTimes
from bench.simulation.workload import Arrival

ROUNDS = 3
"""How often the speed is corrected: the time that a step takes depends a little on how busy the engine is."""
VARIANTS = 4
"""The number of different texts of one length."""
SHIFT_SECONDS = 30.0
"""How far a copy of a request is moved in time, so that many clients do not come at the same moment."""
SEEDS = 3
PROMISED_ERROR = 0.2
"""The error that is stated where the traffic has no latencies: what ``python -m bench.simulation --check`` allows."""
MOST_REFUSED = 0.001
"""The share of requests that may be refused or fail."""
ENDS_AFTER = 0.4
"""The share of the time after which the first provider ends."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The engine as fast as in the recorded traffic, and how well the simulation repeats that traffic."""

    fleet: Fleet
    """Today's servers."""
    simulated: FleetRun
    traffic: Traffic

    @property
    def figures(self) -> dict[str, tuple[float, float]]:
        """The simulated and the recorded value of each latency, in seconds."""
        return {
            "first audio p50": (self.simulated.first_audio(0.5), self.traffic.first_audio(0.5)),
            "first audio p95": (self.simulated.first_audio(0.95), self.traffic.first_audio(0.95)),
            "total p50": (self.simulated.total(0.5), self.traffic.total(0.5)),
            "total p95": (self.simulated.total(0.95), self.traffic.total(0.95)),
        }

    @property
    def error(self) -> float:
        """The larger error of the simulated first audio, as a share of the recorded one."""
        pairs = [pair for name, pair in self.figures.items() if name.startswith("first")]
        errors = [abs(own / other - 1) for own, other in pairs if other > 0]
        return max((error for error in errors if not math.isnan(error)), default=PROMISED_ERROR)


@dataclass(frozen=True, slots=True)
class FleetForecast:
    """The latencies of a number of servers, medians of several simulations, in seconds."""

    replicas: int
    used_share: float
    first_audio_p50: float
    first_audio_p95: float
    total_p95: float
    refused_share: float
    """The share of requests that were refused or failed."""

    def meets(self, target: float) -> bool:
        """Returns whether the 95th percentile of first audio is at most ``target``, and hardly any request refused."""
        return self.first_audio_p95 <= target and self.refused_share <= MOST_REFUSED


@dataclass(frozen=True, slots=True)
class NextProvider:
    """The provider that follows the first one, and its speed for each of several requests at once."""

    name: str
    rate: float
    """Seconds of audio a second."""
    parallel: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What clients see before and after the first provider of every server ends."""

    before: FleetForecast
    after: FleetForecast
    fallbacks: int


def calibrate(traffic: Traffic, times: StepTimes, servers: int, cores: int = 0) -> Calibration:
    """Returns the engine whose work for a second of audio is the recorded one; ``servers`` had the traffic."""
    arrivals = arrivals_of(traffic.requests)
    work = sum(each.work for each in traffic.requests if each.work is not None)
    audio = sum(each.audio for each in traffic.requests if each.work is not None)
    fleet = Fleet(times, servers, cores=cores)
    run = simulate(fleet, arrivals)
    for _ in range(ROUNDS if work and audio and run.real_time_factor else 0):
        fleet = replace(fleet, times=fleet.times.faster(run.real_time_factor / (work / audio)))
        run = simulate(fleet, arrivals)
    return Calibration(fleet, run, traffic)


def arrivals_of(requests: Sequence[RecordedRequest]) -> list[Arrival]:
    """Returns the arrivals of recorded requests, with filler for their texts."""
    return [
        Arrival(at, text_of(each.words, each.characters, number % VARIANTS), each.streamed, cached=each.cached)
        for number, (at, each) in enumerate(seconds_since(requests))
    ]


@lru_cache(maxsize=20_000)
def text_of(words: int, characters: int, variant: int) -> str:
    """Returns one of a few texts of this length."""
    return filler(words, characters, variant)


def multiplied(arrivals: Sequence[Arrival], factor: float, seed: int = 0) -> list[Arrival]:
    """Returns ``factor`` times as many arrivals in the same time: each one again, a little earlier or later."""
    generator, end = random.Random(seed), arrivals[-1].at if arrivals else 0.0
    result = []
    for arrival in arrivals:
        for copy in range(int(factor) + (generator.random() < factor % 1)):
            shift = generator.uniform(-SHIFT_SECONDS, SHIFT_SECONDS) if copy and end else 0.0
            result.append(replace(arrival, at=(arrival.at + shift) % end if shift else arrival.at))
    return sorted(result, key=lambda each: each.at)


def forecast(fleet: Fleet, arrivals: Sequence[Arrival], seeds: int = SEEDS) -> FleetForecast:
    """Returns the latencies of a fleet."""
    return forecast_of(fleet, [simulate(fleet, arrivals, seed) for seed in range(seeds)])


def forecast_of(fleet: Fleet, runs: Sequence[FleetRun], since: float = 0.0, until: float = math.inf) -> FleetForecast:
    """Returns the median latencies of runs, of requests that arrived from ``since`` to before ``until``."""
    parts = [run.between(since, until) for run in runs]
    return FleetForecast(
        fleet.replicas,
        statistics.median(run.busy_share for run in runs),
        statistics.median(part.first_audio(0.5) for part in parts),
        statistics.median(part.first_audio(0.95) for part in parts),
        statistics.median(part.total(0.95) for part in parts),
        statistics.fmean(1 - len(part.answered()) / max(1, len(part.replies)) for part in parts),
    )


class ServerSearch:
    """Searches for the least number of servers that meets a target."""

    def __init__(self, fleet: Fleet, arrivals: Sequence[Arrival]) -> None:
        self._fleet = fleet
        self._arrivals = arrivals
        self._forecasts: dict[int, FleetForecast] = {}

    @property
    def forecasts(self) -> list[FleetForecast]:
        """The forecasts of all simulated numbers of servers, in ascending order."""
        return [self._forecasts[replicas] for replicas in sorted(self._forecasts)]

    def least(self, target: float) -> int | None:
        """Returns the least number of servers whose first audio is within ``target`` seconds for 95 of 100 streams;
        None if even a server for each request would not be enough."""
        low, high = 0, max(1, self._fleet.replicas)
        while not self._meets(high, target):
            if high > len(self._arrivals):
                return None
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._meets(middle, target) else (middle, high)
        return high

    def _meets(self, replicas: int, target: float) -> bool:
        if replicas not in self._forecasts:
            self._forecasts[replicas] = forecast(replace(self._fleet, replicas=replicas), self._arrivals)
        return self._forecasts[replicas].meets(target)


def lose_provider(fleet: Fleet, arrivals: Sequence[Arrival], fallback: NextProvider | None) -> Loss:
    """Returns what happens when the first provider of every server ends, and ``fallback`` follows it, if any."""
    at = ENDS_AFTER * (arrivals[-1].at if arrivals else 0.0)

    def following(server: int) -> list[RateProvider]:
        return [] if fallback is None else [RateProvider(fallback.name, fallback.rate, fallback.parallel, LOW_RATE)]

    changed = replace(fleet, following=following, ends_at=at)
    runs = [simulate(changed, arrivals, seed) for seed in range(SEEDS)]
    return Loss(
        forecast_of(changed, runs, until=at),
        forecast_of(changed, runs, since=at),
        round(statistics.median(run.fallbacks for run in runs)),
    )


def recorded_fallback(traffic: Traffic) -> NextProvider | None:
    """Returns the provider that spoke most after the first one, as fast as it was then; None if there was no other."""
    counts = Counter(each.provider for each in traffic.requests if each.provider and each.outcome == "ok")
    rates: dict[str, list[float]] = defaultdict(list)
    for each in traffic.requests:
        if each.outcome == "ok" and not each.cached and each.duration:
            rates[each.provider].append(each.audio / each.duration)
    others = [name for name, _ in counts.most_common()[1:] if rates[name]]
    return NextProvider(others[0], statistics.median(rates[others[0]]), 1) if others else None
