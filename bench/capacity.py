"""How many servers does recorded traffic need, at so many times its amount, and what if a provider ends?

The server's own scheduler, admission and fallback chain are simulated (bench/simulation), with an engine as fast as in
the recorded events. What the simulation gets wrong about the recorded traffic itself is stated as its error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

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
from bench.recorded import read_traffic
from bench.results.file import number, table
from bench.simulation.step_times import FILE, StepTimes
from drift.errors import DriftError

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
    text, answer = answer_text(search, options.target, options.factor, calibration.error)
    print(text)
    if options.lose:
        fallback = options.fallback or recorded_fallback(traffic)
        fleet = replace(calibration.fleet, replicas=answer or options.servers)
        print(loss_text(lose_provider(fleet, arrivals, fallback), fallback))
    return 0 if answer else 1


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


def answer_text(search: ServerSearch, target: float, factor: float, error: float) -> tuple[str, int | None]:
    """Returns the forecasts with the answer, and the number of servers; None if none is enough."""
    enough, sure = search.least(target), search.least(target / (1 + error))
    if enough is None:
        answer = "no number of servers is enough: a single request takes longer"
    elif sure is None:
        answer = f"{enough} servers; no number of servers leaves room for the error of {error:.0%}"
    else:
        answer = f"{enough} servers; with room for the error of {error:.0%}: {sure}"
    lines = [
        f"{factor:g} times the traffic, p95 of first audio at most {target:g} s:",
        table(HEAD, [forecast_row(each) for each in search.forecasts]),
        answer,
    ]
    return "\n".join(lines), enough


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
