"""The simulation: its laws, what of it is the server's own code, and how its results are written."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.clients.load import Reply
from bench.results.machine import Machine
from bench.simulation import accuracy_section, scale, virtual_time
from bench.simulation.accuracy import (
    Comparison,
    MachineCalibration,
    MeasuredFleet,
    MeasuredRun,
    RunFigures,
    capacity,
    latency_of,
    pooled,
    slowness_of,
)
from bench.simulation.balancer import Balancer
from bench.simulation.fleet import Fleet, FleetRun, simulate
from bench.simulation.replica import Limits
from bench.simulation.step_times import Latency, Line, StepTime, StepTimes, at_quantile, curve
from bench.simulation.timed_provider import TimedProvider, sentences_of, voice_at
from bench.simulation.workload import Arrival, Mix
from bench.targets.routed_servers import Policy
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.schedule import Schedule
from server.scheduling.windows import blocks, windows
from server.utterance import Utterance
from tests.even_times import FRAME_SECONDS, SECONDS_A_FRAME, even_times

MIX = Mix.usual(texts=20)
LEASTCONN, ROUND_ROBIN = Policy("leastconn", weighted=True), Policy("roundrobin", weighted=False)


def usual_run(seed: int = 0, **changes: object) -> FleetRun:
    fleet = replace(Fleet(even_times(cores=2), replicas=3), **changes)
    return simulate(fleet, MIX.arrivals(rate=12.0, seconds=6.0, seed=4), seed)


def test_time_passes_in_order_and_at_once() -> None:
    async def sleepers() -> list[tuple[float, str]]:
        loop, woken = asyncio.get_running_loop(), []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((loop.time(), name))

        await asyncio.gather(sleeper("long", 1e6), sleeper("short", 0.5), sleeper("middle", 1000.25))
        return woken

    assert virtual_time.run(sleepers()) == [(0.5, "short"), (1000.25, "middle"), (1e6, "long")]


def test_a_wait_for_nothing_is_an_error_and_a_thread_takes_no_time() -> None:
    async def never() -> None:
        assert await asyncio.to_thread(lambda: 7) == 7
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="never comes"):
        virtual_time.run(never())


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    times = replace(even_times(cores=2), spread=(0.5, 1.5))
    first, again, other = (usual_run(seed, times=times) for seed in (1, 1, 2))
    assert first.replies == again.replies
    assert first.requests == again.requests
    assert first.replies != other.replies


@pytest.mark.parametrize("policy", [ROUND_ROBIN, LEASTCONN, Policy("random(2)", weighted=True)], ids=str)
def test_every_request_ends_once(policy: Policy) -> None:
    run = usual_run(policy=policy, limits=replace(Limits.defaults(), max_in_flight=3))
    statuses = Counter(reply.status for reply in run.replies)
    assert set(statuses) == {200, 429}
    assert sum(run.requests) == len(run.replies) == len(run.arrivals) == sum(statuses.values())
    assert all(
        reply.end >= reply.start == pytest.approx(each.at)
        for reply, each in zip(run.replies, run.arrivals, strict=True)
    )
    assert all((reply.first_audio is not None) == (reply.status == 200) for reply in run.replies)


def test_little_law_holds() -> None:
    """The mean number of requests at the servers is their rate times the mean time that one takes."""
    run = usual_run()
    spent = sum(reply.seconds for reply in run.replies)
    assert run.in_flight_seconds == pytest.approx(spent)
    mean_in_flight = mean_number(run.replies, run.seconds)
    rate = len(run.replies) / run.seconds
    assert mean_in_flight == pytest.approx(rate * spent / len(run.replies), rel=1e-6)


def mean_number(replies: tuple[Reply, ...], seconds: float) -> float:
    """The mean number of requests in flight, counted from their starts and ends alone."""
    changes = sorted([(reply.start, 1) for reply in replies] + [(reply.end, -1) for reply in replies])
    area, number, before = 0.0, 0, 0.0
    for moment, change in changes:
        area, number, before = area + number * (moment - before), number + change, moment
    return area / seconds


@pytest.mark.parametrize("streamed", [True, False])
def test_one_request_takes_as_long_as_its_steps(streamed: bool) -> None:
    times = even_times()
    arrival = Arrival(1.0, "The morning train leaves at seven.", streamed)
    [reply] = simulate(Fleet(times), [arrival]).replies
    [sentence] = sentences_of(times, Utterance(arrival.text, voice_at(), "en", 6, len(arrival.text)))
    frames = times.frames_of(len(sentence.ids))
    encode = times.seconds("encode", len(sentence.ids))
    refined = [times.seconds("refine", block.frames) for block in blocks(frames, streamed, times.context)]
    decoded = [times.seconds("decode", window.frames) for window in windows(frames, streamed)]
    preparation = times.preparation.at(len(arrival.text))
    assert reply.seconds == pytest.approx(preparation + encode + sum(refined) + sum(decoded))
    frame_seconds = SECONDS_A_FRAME["refine"] + SECONDS_A_FRAME["decode"]
    assert reply.seconds == pytest.approx(
        0.001 + len(sentence.ids) * SECONDS_A_FRAME["encode"] + frames * frame_seconds
    )
    if streamed:
        assert reply.first_audio == pytest.approx(preparation + encode + refined[0] + decoded[0])
    else:
        assert reply.first_audio == reply.seconds


def test_the_scheduler_is_the_servers_own() -> None:
    async def provider() -> TimedProvider:
        timed = TimedProvider(even_times(), 1)

        class Silent:
            def __getattr__(self, name: str) -> object:
                return lambda *_: None

        await timed.start(Silent())  # type: ignore[arg-type]
        await timed.close()
        return timed

    dispatcher = virtual_time.run(provider()).dispatcher
    assert type(dispatcher) is Dispatcher
    assert type(dispatcher.schedule) is Schedule


def test_a_client_with_many_requests_does_not_hold_up_another() -> None:
    """What the server's schedule promises, and a queue in order of arrival would not."""
    greedy = [Arrival(0.001 * number, MIX.texts[number % 20], True, "10.0.0.1") for number in range(60)]
    modest = Arrival(0.5, "Good morning.", True, "10.0.0.2")
    run = simulate(Fleet(even_times()), sorted([*greedy, modest], key=lambda each: each.at))
    waits = {arrival: reply.first_audio for arrival, reply in zip(run.arrivals, run.replies, strict=True)}
    assert waits[modest] < 0.5 < max(seconds for arrival, seconds in waits.items() if arrival.client == "10.0.0.1")


def test_twice_the_speed_is_twice_the_capacity() -> None:
    slow, fast = (capacity(Fleet(even_times(speed=speed)), MIX) for speed in (1.0, 2.0))
    assert fast == pytest.approx(2 * slow, rel=0.01)


def test_a_batch_is_run_at_once() -> None:
    arrivals = [Arrival(0.0, "Good morning to you all.", True) for _ in range(8)]
    one_by_one, together = (simulate(Fleet(even_times(batch=batch)), arrivals) for batch in (1, 8))
    assert together.seconds < one_by_one.seconds / 3


def test_the_door_is_passed_one_by_one() -> None:
    run = simulate(Fleet(replace(even_times(), door=0.1)), [Arrival(0.0, "Yes.", cached=True) for _ in range(5)])
    assert [reply.end for reply in run.replies] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_when_the_first_provider_ends_the_next_one_speaks() -> None:
    spare = lambda number: [TimedProvider(even_times(), 1, name="spare", sample_rate=689, seed=number)]  # noqa: E731
    fleet = Fleet(even_times(), following=spare, ends_at=5.0)
    run = simulate(fleet, MIX.arrivals(rate=1.0, seconds=20.0, seed=2))
    late = [reply for reply in run.replies if reply.start > 5.0]
    assert run.fallbacks > 0
    assert {reply.status for reply in late} == {200}
    alone = simulate(replace(fleet, following=None), MIX.arrivals(rate=1.0, seconds=20.0, seed=2))
    assert {reply.status for reply in alone.replies if reply.start > 5.0} <= {500, 503}


def test_a_slow_server_gets_fewer_requests_by_its_weight() -> None:
    balancer = Balancer(Policy("roundrobin", weighted=True), 3)
    balancer.report(0, "up 20%")
    chosen = Counter(balancer.take() for _ in range(220))
    assert chosen == {0: 20, 1: 100, 2: 100}
    balancer.report(1, "down")
    assert 1 not in {balancer.take() for _ in range(50)}


def test_the_fewest_requests_for_its_weight_and_equals_in_turn() -> None:
    balancer = Balancer(LEASTCONN, 3)
    assert [balancer.take() for _ in range(6)] == [0, 1, 2, 0, 1, 2]
    balancer.release(1)
    assert balancer.take() == 1
    balancer.report(2, "up 1%")
    assert 2 not in [balancer.take() for _ in range(40)]
    for server in range(3):
        balancer.report(server, "down")
    assert balancer.take() is None


def test_of_two_drawn_servers_the_less_busy_one() -> None:
    balancer = Balancer(Policy("random(2)", weighted=True), 4, seed=3)
    chosen = Counter(balancer.take() for _ in range(4000))
    assert all(count == pytest.approx(1000, rel=0.02) for count in chosen.values())
    with pytest.raises(ValueError, match="balance is one of"):
        Balancer(Policy("first", weighted=False), 2)


def test_step_times_come_back_from_their_file(tmp_path: Path) -> None:
    times = replace(even_times(cores=2), door=0.003, frame_spread=(0.9, 1.0, 1.2))
    times.write(tmp_path / "times.json")
    again = StepTimes.read(tmp_path / "times.json")
    assert (again.steps, again.frames, again.door, again.frame_spread) == (
        times.steps, times.frames, times.door, times.frame_spread)  # fmt: skip


def test_times_between_the_measured_ones_are_interpolated() -> None:
    assert curve([(1.0, 10.0), (2.0, 20.0), (4.0, 20.0)], 1.5) == 15.0
    assert curve([(1.0, 10.0), (2.0, 20.0), (4.0, 20.0)], 9.0) == 20.0
    assert curve([(1.0, 1.0), (2.0, 3.0)], 0.0) == 0.0
    assert at_quantile((0.0, 1.0, 4.0), 0.75) == 2.5
    assert Line.through([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).at(10) == pytest.approx(21.0)
    rows = tuple(StepTime("decode", 100.0, seconds, 1, threads, busy)
                 for threads, busy, seconds in ((1, 1, 0.1), (1, 2, 0.13), (2, 1, 0.06)))  # fmt: skip
    times = replace(even_times(), steps=rows)
    assert times.seconds("decode", 100, threads=1, busy=1) == 0.1
    assert times.seconds("decode", 100, threads=1, busy=2) == 0.13
    assert times.seconds("decode", 100, threads=2, busy=1) == 0.06
    with pytest.raises(KeyError):
        times.seconds("encode", 10)


def test_the_committed_step_times_are_whole_and_plausible() -> None:
    times = StepTimes.read()
    assert {row.kind for row in times.steps} == {"encode", "refine", "decode"}
    assert times.door > 0
    assert times.spread == tuple(sorted(times.spread))
    assert math.isclose(times.frame_seconds, FRAME_SECONDS, rel_tol=0.01)
    assert 0.5 < capacity(Fleet(times), MIX) < 50


def test_the_engines_work_tells_how_slow_a_machine_is() -> None:
    times, arrivals = even_times(cores=2), MIX.arrivals(2.0, 30.0, seed=7)
    run = simulate(Fleet(times.faster(1 / 1.25)), arrivals)
    measured = MeasuredRun(run.replies, run.engine_seconds)
    assert math.isclose(slowness_of(Fleet(times), arrivals, measured), 1.25, rel_tol=0.01)
    assert slowness_of(Fleet(times), arrivals, MeasuredRun(run.replies, 0.0)) == 1.0


def test_requests_that_are_alone_tell_the_latency() -> None:
    times, alone, latency = even_times(cores=2), MIX.apart(8, 1.2), Latency(0.02, 0.01)
    run = simulate(Fleet(replace(times.faster(1 / 1.25), latency=latency)), alone)
    found = latency_of(Fleet(times), alone, MeasuredRun(run.replies, run.engine_seconds))
    assert math.isclose(found.first_audio, latency.first_audio, abs_tol=0.003)
    assert math.isclose(found.end, latency.end, abs_tol=0.003)
    assert pooled([found, latency, latency]) == latency


def test_an_event_loop_that_is_busy_slows_the_engine_on_its_cores() -> None:
    times = replace(even_times(), door=0.05)
    arrivals = MIX.arrivals(0.5 * capacity(Fleet(times), MIX), 30.0, seed=4)
    alone, shared = (simulate(Fleet(times, sleeps=sleeps), arrivals).real_time_factor for sleeps in (True, False))
    assert shared > 1.02 * alone


def test_the_sections_have_what_was_compared() -> None:
    figures = RunFigures(50.0, 0.1, 0.3, 0.5, 2.0)
    fleets = (MeasuredFleet(1, True, 2), MeasuredFleet(4, False, 1))
    calibration = MachineCalibration(Latency(0.01, 0.002), 1.1)
    rows = [Comparison(fleet, 0.5, 2.0, calibration, 120, 119, replace(figures, total_p95=2.0 * error), figures)
            for fleet, error in zip(fleets, (1.1, 1.3), strict=True)]  # fmt: skip
    section = accuracy_section.render(rows, Machine("A processor", 2, 2**33, has_bf16=False), [0.5, 0.7])
    assert "### 1 x 2 cores, real voice" in section
    assert "2.20 / 2.00" in section
    assert "+30%" in section
    assert "kept" in section
    assert "**missed**" in section
    run = usual_run()
    text = scale.render([scale.ScaleRow(0.5, 12.0, Fleet(even_times(), 3), run, 4.0)], even_times())
    assert "43,200" in text
    assert "`leastconn`, weights" in text
