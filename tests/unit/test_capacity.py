"""Capacity: what the simulation makes of recorded traffic, and how it answers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bench import capacity
from bench.capacity_file import count_of
from bench.capacity_plan import (
    PROMISED_ERROR,
    FleetForecast,
    NextProvider,
    ServerSearch,
    arrivals_of,
    calibrate,
    lose_provider,
    multiplied,
    recorded_fallback,
)
from bench.recorded import RecordedRequest, Traffic
from bench.simulation.fleet import Fleet, simulate
from bench.simulation.workload import Arrival, Mix
from dashboards.live.sources.drift_reports import Reports
from otel.contract.capacity_forecast import ServerCount
from tests.even_times import even_times
from tests.unit.drift.events import MORNING, line, record

TIMES = even_times()
ARRIVALS = Mix.usual(texts=20).arrivals(rate=3.0, seconds=15.0, seed=6)


def recorded_by(speed: float, replicas: int = 1) -> Traffic:
    """Traffic as servers of this speed would have recorded it."""
    run = simulate(Fleet(even_times(speed=speed), replicas), ARRIVALS)
    return Traffic(
        tuple(
            RecordedRequest(
                at=MORNING + timedelta(seconds=arrival.at),
                words=arrival.words,
                characters=len(arrival.text),
                streamed=arrival.streamed,
                voice="joe",
                language="en",
                speed=1.0,
                cached=False,
                outcome="ok",
                duration=reply.seconds,
                first_audio=reply.first_audio,
                audio=10.0,
                work=10.0 * run.real_time_factor,
                provider="timed",
            )
            for arrival, reply in zip(run.arrivals, run.replies, strict=True)
        ),
        skipped=0,
    )


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_the_speed_of_the_recorded_engine_is_found(speed: float) -> None:
    calibration = calibrate(recorded_by(speed), TIMES, servers=1)
    assert calibration.fleet.times.speed == pytest.approx(speed, rel=0.05)
    assert calibration.error < 0.3


def test_traffic_without_latencies_is_given_the_promised_error() -> None:
    traffic = recorded_by(1.0)
    silent = tuple(replace(each, first_audio=None, work=None) for each in traffic.requests)
    calibration = calibrate(Traffic(silent, 0), TIMES, servers=1)
    assert calibration.fleet.times.speed == 1.0
    assert calibration.error == PROMISED_ERROR


def test_arrivals_have_the_recorded_times_and_lengths() -> None:
    traffic = recorded_by(1.0)
    arrivals = arrivals_of(traffic.requests)
    first = ARRIVALS[0].at
    assert [arrival.at for arrival in arrivals] == pytest.approx([each.at - first for each in ARRIVALS], abs=1e-5)
    assert [(each.words, len(each.text)) for each in arrivals] == [(each.words, len(each.text)) for each in ARRIVALS]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5, 4.0])
def test_so_many_times_the_traffic_in_the_same_time(factor: float) -> None:
    more = multiplied(ARRIVALS, factor, seed=3)
    assert len(more) == pytest.approx(factor * len(ARRIVALS), rel=0.35)
    assert all(0 <= arrival.at <= ARRIVALS[-1].at for arrival in more)
    assert [arrival.at for arrival in more] == sorted(arrival.at for arrival in more)
    if factor >= 1:
        assert not Counter(each.text for each in ARRIVALS) - Counter(each.text for each in more)
    assert multiplied(ARRIVALS, 1.0) == list(ARRIVALS)


def test_the_least_number_of_servers_meets_the_target_and_one_less_does_not() -> None:
    search = ServerSearch(Fleet(TIMES), multiplied(ARRIVALS[:16], 2.0))
    least = search.least(0.1)
    assert least is not None
    by_number = {each.replicas: each for each in search.forecasts}
    assert by_number[least].meets(0.1)
    assert least > 1
    assert not by_number[least - 1].meets(0.1)


def test_no_number_of_servers_makes_a_request_faster_than_its_steps() -> None:
    assert ServerSearch(Fleet(TIMES), ARRIVALS[:5]).least(0.0001) is None


def test_a_fallback_that_is_too_slow_is_seen() -> None:
    fleet = Fleet(TIMES, replicas=2)
    quick, slow = (lose_provider(fleet, ARRIVALS, NextProvider("spare", rate, 2)) for rate in (60.0, 4.0))
    assert quick.fallbacks > 0
    assert quick.after.refused_share == slow.after.refused_share == 0
    assert quick.before.first_audio_p95 == slow.before.first_audio_p95
    assert slow.after.first_audio_p95 > 3 * quick.after.first_audio_p95
    assert lose_provider(fleet, ARRIVALS, None).after.refused_share == 1.0


def test_the_second_most_used_provider_is_the_fallback() -> None:
    requests = recorded_by(1.0).requests
    assert recorded_fallback(Traffic(requests, 0)) is None
    spare = [replace(each, provider="onnx", audio=12.0, duration=2.0) for each in requests[:3]]
    assert recorded_fallback(Traffic((*requests, *spare), 0)) == NextProvider("onnx", 6.0, 1)
    assert capacity.fallback_of("onnx=15x2") == NextProvider("onnx", 15.0, 2)


@pytest.mark.parametrize("wrong", ["onnx", "=3", "onnx=0", "onnx=1x0"])
def test_a_fallback_without_a_name_or_a_speed_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|=3|onnx=0|onnx=1x0"):
        capacity.fallback_of(wrong)


def test_refusals_are_not_hidden_by_good_latencies() -> None:
    forecast = FleetForecast(2, 0.5, 0.1, 0.2, 1.0, 0.0)
    assert forecast.meets(0.3)
    assert not replace(forecast, refused_share=0.02).meets(0.3)


def test_a_latency_that_no_request_has_is_unknown_in_the_file() -> None:
    refused = FleetForecast(1, 1.0, math.nan, math.nan, math.nan, 1.0)
    assert count_of(refused, 0.3) == ServerCount(1, 1.0, None, None, None, 1.0, enough=False)


def test_the_command_answers_from_event_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        record(number, word_count=10, char_count=60, streamed=True, duration=0.3, time_to_first_audio=0.08,
               audio_duration=4.0, real_time_factor=0.055, provider="coqui", cache="miss", status_code=200)
        for number in range(20)
    ]  # fmt: skip
    (tmp_path / "requests.jsonl").write_bytes(line(*rows))
    TIMES.write(tmp_path / "times.json")
    arguments = ["--events", str(tmp_path / "requests.jsonl"), "--times", str(tmp_path / "times.json"), "--lose"]
    output = tmp_path / "drift" / "capacity.json"
    assert capacity.main([*arguments, "--fallback", "spare=30x2", "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert "20 requests in the busiest 10 minutes; 0 left out" in text
    assert "4 times the traffic, p95 of first audio at most 0.3 s:" in text
    assert "with room for the error" in text
    assert "spare follows: 2 at once, each 30 s of audio a second" in text
    forecast = Reports(output.parent).capacity()
    assert forecast is not None
    assert (forecast.requests, forecast.factor, forecast.target, forecast.servers_today) == (20, 4.0, 0.3, 1)
    assert f"{forecast.least} servers; with room for the error of" in text
    assert next(count.servers for count in forecast.counts if count.enough) == forecast.least
    assert forecast.loss is not None
    assert forecast.loss.next_provider == "spare"
    assert forecast.loss.before.servers == forecast.least
    (tmp_path / "none").mkdir()
    assert capacity.main(["--events", str(tmp_path / "none")]) == 1
    assert "no recorded requests" in capsys.readouterr().err


def test_cached_audio_needs_no_engine() -> None:
    arrivals = [Arrival(0.1 * number, "Good morning to you all.", cached=number > 0) for number in range(10)]
    run = simulate(Fleet(TIMES), arrivals)
    assert sum(reply.seconds > 0 for reply in run.replies) == 1
