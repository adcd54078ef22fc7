"""Compares the simulation with measurements: the same arrivals, at five loads, for 1, 2 and 4 real servers."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bench.clients.figures import percentile
from bench.clients.load import Reply, Request, scheduled_loop, session_to
from bench.simulation.fleet import LEASTCONN, Fleet, simulate
from bench.simulation.step_times import Latency, StepTimes
from bench.simulation.timed_server import timed_program
from bench.simulation.workload import Arrival, Mix
from bench.targets.contenders import JSON, ttscope_stream_request
from bench.targets.haproxy import routed_by_haproxy
from bench.targets.process import Program, ttscope
from bench.targets.routed_servers import servers
from otel.contract.values import ENGINE

LOADS = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Shares of what the servers can make."""
SEEDS = 5
"""The number of simulations whose median counts."""
FULL_HOUSE = 150
"""The number of requests at once that keep all workers busy."""
REQUEST_SECONDS = 300.0
POLL_SECONDS = 0.1
WARM_UP_SECONDS = 8.0
ALONE = 12
"""So many short texts are sent alone before each load."""
ALONE_SECONDS = 1.2
"""The time between two of them."""
ROUNDS = 3
"""How often the simulated speed is corrected: the time that a step takes depends a little on how busy the engine is."""


@dataclass(frozen=True, slots=True)
class MeasuredFleet:
    """What is measured: how many servers, and with which engine."""

    replicas: int
    real_voice: bool
    """Whether they speak with the real voice; otherwise their engine only takes the measured times."""
    cores: int
    """The cores of each server."""

    @property
    def title(self) -> str:
        """Its name in results."""
        engine = "real voice" if self.real_voice else "timed engine"
        return f"{self.replicas} x {self.cores} core{'s' * (self.cores > 1)}, {engine}"


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What real servers made of arrivals."""

    replies: tuple[Reply, ...]
    """In the order of the arrivals."""
    engine_seconds: float
    """The time that the engine worked; 0 for one that sleeps."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The figures of a measured or simulated run, in seconds and seconds of audio a second."""

    throughput: float
    """Words answered in a second, until the last reply."""
    first_audio_p50: float
    first_audio_p95: float
    total_p50: float
    total_p95: float

    @classmethod
    def of(cls, replies: Sequence[Reply], arrivals: Sequence[Arrival]) -> RunFigures:
        """Returns the figures of replies, which are in the order of the arrivals; first audio is that of streams.

        Raises ValueError when none has audio.
        """
        pairs = [(reply, arrival) for reply, arrival in zip(replies, arrivals, strict=True) if reply.status == 200]
        first = [reply.first_audio for reply, arrival in pairs if arrival.streamed and reply.first_audio is not None]
        total = [reply.seconds for reply, _ in pairs]
        elapsed = max(reply.end for reply, _ in pairs) - min(reply.start for reply in replies)
        words = sum(reply.words for reply, _ in pairs)
        return cls(words / elapsed, *(percentile(each, share) for each in (first, total) for share in (0.5, 0.95)))

    @classmethod
    def median(cls, runs: Sequence[RunFigures]) -> RunFigures:
        """Returns the median of each figure."""
        return cls(*(statistics.median(figure) for figure in zip(*map(astuple, runs), strict=True)))

    def values(self) -> tuple[float, ...]:
        """Returns all figures."""
        return astuple(self)

    def errors(self, measured: RunFigures) -> tuple[float, ...]:
        """Returns how far each figure is from the measured one, as a share of it."""
        return tuple(own / other - 1 for own, other in zip(self.values(), measured.values(), strict=True))


@dataclass(frozen=True, slots=True)
class MachineCalibration:
    """What a machine is given besides its step times, since it is not equally fast at all times."""

    latency: Latency
    slowness: float
    """How many times as long as in the measurement of steps a step takes, by the time that the engine worked."""

    def times(self, times: StepTimes) -> StepTimes:
        """Returns the step times of that moment."""
        return replace(times.faster(1 / self.slowness), latency=self.latency)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fleet at one load, simulated and measured."""

    fleet: MeasuredFleet
    load: float
    rate: float
    """Requests a second."""
    calibration: MachineCalibration
    """With which the fleet is simulated."""
    requests: int
    answered: int
    """The measured requests with audio."""
    simulated: RunFigures
    measured: RunFigures

    @property
    def errors(self) -> tuple[float, ...]:
        """The error of each simulated figure, as a share of the measured one."""
        return self.simulated.errors(self.measured)


def measured_fleets(cores: int) -> tuple[MeasuredFleet, ...]:
    """Returns what this machine can measure: its own cores with the real voice, more servers with a timed engine."""
    return (
        MeasuredFleet(1, True, cores),
        MeasuredFleet(1, False, cores),
        MeasuredFleet(2, False, 1),
        MeasuredFleet(4, False, 1),
    )


def capacity(fleet: Fleet, mix: Mix) -> float:
    """Returns the requests that a fleet can answer in a second."""
    count = FULL_HOUSE * fleet.replicas
    arrivals = [replace(arrival, at=0.0) for arrival in mix.arrivals(count, 1.0, seed=1)]
    run = simulate(fleet, arrivals)
    return len(arrivals) / (run.busy_share * run.seconds)


def compare(
    times: StepTimes, measured_fleet: MeasuredFleet, loads: Sequence[float], seconds: float
) -> list[Comparison]:
    """Measures a fleet at each load for so many seconds, and simulates the same arrivals. Before each load, requests
    that are alone measure the latency of what is not simulated."""
    mix, fleet = Mix.usual(), fleet_of(times, measured_fleet)
    most = capacity(fleet, mix)
    alone = mix.apart(ALONE, ALONE_SECONDS)
    arrivals = [mix.arrivals(load * most, seconds, seed=10 + number) for number, load in enumerate(loads)]
    warm_up = mix.arrivals(most / 4, WARM_UP_SECONDS, seed=2)
    plans = [plan for each in arrivals for plan in (alone, each)]
    _, *runs = asyncio.run(measure(times, measured_fleet, [warm_up, *plans]))
    latency = pooled([latency_of(fleet, alone, run) for run in runs[::2]])
    rows = []
    for load, each, run in zip(loads, arrivals, runs[1::2], strict=True):
        calibration = MachineCalibration(latency, slowness_of(fleet, each, run))
        at_that_speed = replace(fleet, times=calibration.times(fleet.times))
        measured = RunFigures.of(run.replies, each)
        answered = sum(reply.status == 200 for reply in run.replies)
        row = (load, load * most, calibration, len(each), answered, simulated(at_that_speed, each), measured)
        rows.append(Comparison(measured_fleet, *row))
    return rows


def slowness_of(fleet: Fleet, arrivals: Sequence[Arrival], run: MeasuredRun) -> float:
    """Returns how many times as long steps took in a measured run as in the measurement of steps, so that the simulated
    engine works for as long as the measured one. ``bench.capacity`` adapts the simulation to recorded traffic in
    the same way. An engine that sleeps is always as fast as its step times."""
    slowness = 1.0
    for _ in range(ROUNDS if run.engine_seconds else 0):
        at_that_speed = replace(fleet, times=fleet.times.faster(1 / slowness))
        worked = statistics.median(simulate(at_that_speed, arrivals, seed).engine_seconds for seed in range(SEEDS))
        slowness *= run.engine_seconds / worked
    return slowness


def latency_of(fleet: Fleet, arrivals: Sequence[Arrival], run: MeasuredRun) -> Latency:
    """Returns by how much requests that are alone take longer than their simulation."""
    at_that_speed = replace(fleet, times=fleet.times.faster(1 / slowness_of(fleet, arrivals, run)))
    rows = [
        (reply.first_audio - own.first_audio, reply.seconds - own.seconds)
        for seed in range(SEEDS)
        for reply, own in zip(run.replies, simulate(at_that_speed, arrivals, seed).replies, strict=True)
        if reply.first_audio is not None and own.first_audio is not None
    ]
    first_audio, total = (statistics.median(figure) for figure in zip(*rows, strict=True))
    return Latency(max(0.0, first_audio), max(0.0, total - first_audio))


def pooled(latencies: Sequence[Latency]) -> Latency:
    """Returns the median latency: unlike its speed, a machine's latency stays the same."""
    return Latency(*(statistics.median(figure) for figure in zip(*map(astuple, latencies), strict=True)))


async def measure(times: StepTimes, fleet: MeasuredFleet, plans: Sequence[Sequence[Arrival]]) -> list[MeasuredRun]:
    """Sends each plan's arrivals to the real servers of a fleet, behind a real haproxy."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        times.write(Path(file.name))
        programs = [program_of(fleet, Path(file.name))] * fleet.replicas
        async with (
            servers(programs) as group,
            routed_by_haproxy(LEASTCONN, group.ports) as router,
            session_to(router.url, REQUEST_SECONDS) as session,
        ):
            runs = []
            for arrivals in plans:
                before = await engine_seconds(group.first_url) if fleet.real_voice else 0.0
                replies = (await scheduled_loop(session, list(schedule(arrivals)))).replies
                after = await engine_seconds(group.first_url) if fleet.real_voice else 0.0
                runs.append(MeasuredRun(replies, after - before))
            return runs


async def engine_seconds(url: str) -> float:
    """Returns the time that the engine of a server has worked, once all of its requests have ended. A batch counts for
    each of its requests; on the CPU it has one."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/prometheus") as response:
                text = await response.text()
            samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
            if not sum(each.value for each in samples if each.name == "tts_requests_in_flight"):
                stages = (each for each in samples if each.name == "tts_stage_duration_seconds_sum")
                return sum(each.value for each in stages if each.labels["stage"] in ENGINE)
            await asyncio.sleep(POLL_SECONDS)


def simulated(fleet: Fleet, arrivals: Sequence[Arrival]) -> RunFigures:
    """Returns the median figures of several simulations."""
    runs = [simulate(fleet, arrivals, seed) for seed in range(SEEDS)]
    return RunFigures.median([RunFigures.of(run.replies, arrivals) for run in runs])


def fleet_of(times: StepTimes, fleet: MeasuredFleet) -> Fleet:
    """Returns the simulation of a fleet."""
    alone = replace(times, latency=Latency())
    return Fleet(alone, fleet.replicas, LEASTCONN, fleet.cores, sleeps=not fleet.real_voice)


def program_of(fleet: MeasuredFleet, file: Path) -> Program:
    """Returns the program of each server of a fleet; ``file`` has the step times."""
    if fleet.real_voice:
        return ttscope(TTSCOPE_PROVIDERS="coqui", TTSCOPE_RECOGNISED_SHARE="0")
    return timed_program(file, fleet.cores)


def schedule(arrivals: Sequence[Arrival]) -> Iterator[tuple[float, Request]]:
    """Yields the requests of arrivals, each with its time."""
    for arrival in arrivals:
        request = replace(ttscope_stream_request(arrival.text), client=arrival.client)
        if not arrival.streamed:
            request = replace(request, body=json.dumps({"text": arrival.text}).encode(), content_type=JSON)
        yield arrival.at, request
