"""How many servers does recorded traffic need, at so many times its amount, and what if a provider ends?

The server's own scheduler, admission and fallback chain are simulated (bench/simulation), with an engine as fast as in
the recorded events. What the simulation gets wrong about the recorded traffic itself is stated as its error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.capacity_file import count_of, loss_of, write
from bench.capacity_plan import (
    Calibration,
    FleetForecast,
    Loss,
    NextProvider,
    ServerSearch,
    arrivals_of,
    calibrate,
    lose_provider,
    multiplied,
    recorded_fallback,
)
from bench.recorded import Traffic, read_traffic
from bench.results.file import number, table
from bench.simulation.step_times import FILE, StepTimes
from drift.errors import DriftError
from otel.contract.capacity_forecast import CapacityForecast

HEAD = ("servers", "used", "first audio p50 s", "p95 s", "total p95 s", "refused")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when a number of servers meets the target, 1 when none does or there is no traffic."""
    options = parsed(arguments)
    try:
        traffic = read_traffic(options.events).busiest(timedelta(minutes=options.minutes))
        times = StepTimes.read(options.times)
    except (DriftError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not traffic.requests:
        print("no recorded requests", file=sys.stderr)
        return 1
    print(f"{len(traffic.requests)} requests in the busiest {options.minutes:g} minutes; {traffic.skipped} left out")
    calibration = calibrate(traffic, times, options.servers, options.cores)
    print(calibration_text(calibration))
    arrivals = multiplied(arrivals_of(traffic.requests), options.factor)
    search = ServerSearch(calibration.fleet, arrivals)
    forecast = forecast_of(search, traffic, options, calibration.error)
    print(answer_text(search, forecast))
    if options.lose:
        fallback = options.fallback or recorded_fallback(traffic)
        fleet = replace(calibration.fleet, replicas=forecast.least or options.servers)
        loss = lose_provider(fleet, arrivals, fallback)
        print(loss_text(loss, fallback))
        forecast = replace(forecast, loss=loss_of(loss, fallback, options.target))
    if options.output is not None:
        write(forecast, options.output)
    return 0 if forecast.least else 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--events", type=Path, nargs="+", required=True, help="event files, or folders of them")
    parser.add_argument("--factor", type=float, default=4.0, help="times the recorded traffic (default %(default)s)")
    parser.add_argument(
        "--target", type=float, default=0.3, help="p95 of first audio in seconds (default %(default)s)"
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10.0, help="the busiest minutes (default %(default)s)")
    parser.add_argument("--servers", type=int, default=1, help="servers that had the traffic (default %(default)s)")
    parser.add_argument("--cores", type=int, default=0, help="cores of a server (default: those of the step times)")
    parser.add_argument("--times", type=Path, default=FILE, help="step times (default %(default)s)")
    parser.add_argument("--lose", action="store_true", help="also: every server loses its first provider")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the answer for the live dashboard")
    parser.add_argument(
        "--fallback",
        type=fallback_of,
        metavar="NAME=RATE[xREQUESTS]",
        help="the next provider: seconds of audio a second for each of so many requests at once, such as onnx=15x2; "
        "by default the second most used one of the events",
    )
    return parser.parse_args(arguments)


def fallback_of(text: str) -> NextProvider:
    """Reads NAME=RATE or NAME=RATExREQUESTS. Raises ValueError."""
    name, _, speed = text.partition("=")
    rate, _, parallel = speed.partition("x")
    fallback = NextProvider(name, float(rate), int(parallel or 1))
    if not name or fallback.rate <= 0 or fallback.parallel < 1:
        raise ValueError(text)
    return fallback


def calibration_text(calibration: Calibration) -> str:
    """Returns how well the simulation repeats the recorded traffic."""
    rows = [
        (name, number(own), number(other), f"{own / other - 1:+.0%}" if other > 0 else "-")
        for name, (own, other) in calibration.figures.items()
    ]
    speed, servers = calibration.fleet.times.speed, calibration.fleet.replicas
    return "\n".join(
        [
            f"steps are {speed:.2f} times as fast as in the file; servers that had the traffic: {servers}",
            table(("", "simulated s", "recorded s", "error"), rows),
        ]
    )


def forecast_of(search: ServerSearch, traffic: Traffic, options: argparse.Namespace, error: float) -> CapacityForecast:
    """Searches for the number of servers, with and without room for the error."""
    target: float = options.target
    least, least_with_error = search.least(target), search.least(target / (1 + error))
    return CapacityForecast(
        made=datetime.now(UTC),
        first_arrival=traffic.requests[0].at,
        minutes=options.minutes,
        requests=len(traffic.requests),
        servers_today=options.servers,
        factor=options.factor,
        target=target,
        error=error,
        least=least,
        least_with_error=least_with_error,
        counts=tuple(count_of(each, target) for each in search.forecasts),
    )


def answer_text(search: ServerSearch, forecast: CapacityForecast) -> str:
    """Returns the latencies of each number of servers, and the answer."""
    if forecast.least is None:
        answer = "no number of servers is enough: a single request takes longer"
    elif forecast.least_with_error is None:
        answer = f"{forecast.least} servers; no number of servers leaves room for the error of {forecast.error:.0%}"
    else:
        answer = (
            f"{forecast.least} servers; with room for the error of {forecast.error:.0%}: {forecast.least_with_error}"
        )
    return "\n".join(
        [
            f"{forecast.factor:g} times the traffic, p95 of first audio at most {forecast.target:g} s:",
            table(HEAD, [forecast_row(each) for each in search.forecasts]),
            answer,
        ]
    )


def loss_text(loss: Loss, fallback: NextProvider | None) -> str:
    """Returns what the loss of the first provider does."""
    following = (
        "nothing follows it"
        if fallback is None
        else f"{fallback.name} follows: {fallback.parallel} at once, each {fallback.rate:.3g} s of audio a second"
    )
    return "\n".join(
        [
            f"the first provider of every server ends; {following}; {loss.fallbacks} requests fell back:",
            table(("", *HEAD), [("before", *forecast_row(loss.before)), ("after", *forecast_row(loss.after))]),
        ]
    )


def forecast_row(forecast: FleetForecast) -> tuple[str, ...]:
    """Returns a row of the table."""
    return (
        str(forecast.replicas),
        f"{forecast.used_share:.0%}",
        number(forecast.first_audio_p50),
        number(forecast.first_audio_p95),
        number(forecast.total_p95),
        f"{forecast.refused_share:.1%}",
    )


if __name__ == "__main__":
    sys.exit(main())
