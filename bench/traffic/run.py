"""Sends mixed traffic to a running server and checks that its metrics are correct."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from bench.clients.api_key import authorization
from bench.clients.client import Record, send_request
from bench.clients.plan import PlannedRequest, plan
from bench.clients.texts import is_countable
from bench.targets.monitoring import Monitoring
from bench.targets.target import Target, UnreachableError
from bench.traffic.agreement import AVERAGE, EXTREME, compare
from bench.traffic.display import Display
from bench.traffic.monitoring_comparison import compare_monitoring
from bench.traffic.monitoring_report import MonitoringCheck, show_monitoring
from bench.traffic.repeats import with_repeats
from bench.traffic.report import show, show_verdict, write

AGREE, DISAGREE, NO_SERVER = 0, 1, 2
POLL_SECONDS = 1.0
"""The seconds between two reads of /metrics for the live table."""
WIDTH = 120
"""The width of the tables without a terminal."""

EXPLANATION = f"""
An iteration is one round: one text for every voice and language of the catalogue, and one bad request. The word
ranges take turns, so six iterations cover every word and character range for every voice and language, and fifteen
every kind of refusal. With one voice of two languages, 20 iterations are 60 requests and about 3,000 words: one to two
minutes on two cores.

Afterwards the server's account must agree with what was seen here. Equal: requests, outcomes, errors by type, requests
by word and by character range. Durations by range, of requests that ended ok: the server's are never longer than ours,
its averages at most {AVERAGE.seconds * 1000:.0f} ms + {AVERAGE.share:.0%} shorter, its p95 and maximum at most \
{EXTREME.seconds * 1000:.0f} ms + {EXTREME.share:.0%} (those only if
the range was empty before). Every answer must be a valid WAV file that sounds, of a length that suits its text, with
our own count of its ranges in its headers. Other clients must be silent meanwhile.

With --check-monitoring some texts are sent again, some several times at the same moment (beyond --concurrency), and
some with "cache": false. Then what /metrics and /prometheus say of cache and providers must agree with the headers
X-TTS-Cache and X-TTS-Provider: requests by result, attempts by provider, fallbacks, availability, success rates. A text
that was sent before must be a hit, or coalesced, and one with "cache": false made anew. That a provider is degraded, or
failed, is printed, and is no disagreement.

exit status: {AGREE} all agrees, {DISAGREE} something disagrees (each in a sentence), {NO_SERVER} no server to measure.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line."""

    iterations: int
    concurrency: int
    url: str
    seed: int
    timeout: float
    wait: float
    json: Path | None
    check_monitoring: bool


def parse(arguments: Sequence[str] | None) -> Options:
    """Parses the command line; exits with an error message if it is invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.traffic",
        description=__doc__,
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--iterations", type=positive, default=20, help="rounds over the catalogue (default 20)")
    parser.add_argument("--concurrency", type=positive, default=2, help="requests at the same time (default 2)")
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="the server (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same requests (default 1)")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="seconds for one request (default 120)"
    )
    parser.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds to wait for /ready (default 60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every request's data there, for analysis")
    parser.add_argument(
        "--check-monitoring", action="store_true", help="check what is said of cache and providers too; see below"
    )
    return Options(**vars(parser.parse_args(arguments)))


def positive(value: str) -> int:
    """Returns a whole number above zero. Raises ArgumentTypeError."""
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


async def run(options: Options, console: Console) -> int:
    """Runs the whole plan and returns the exit status. Raises UnreachableError."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=options.timeout)
    async with aiohttp.ClientSession(
        options.url, connector=connector, timeout=timeout, headers=authorization()
    ) as session:
        target = Target(session, options.url)
        await target.wait_until_ready(options.wait)
        requests = make_plan(options, await target.catalogue(), console)
        before = await target.snapshot()
        monitoring_before = await target.monitoring() if options.check_monitoring else None
        with Display(console, sum(request.times for request in requests), before) as display:
            records = await send_all(target, requests, options.concurrency, display)
        after = await target.settled_snapshot(before.requests + len(records))
        disagreements = compare(records, before, after)
        monitoring_check = None
        if monitoring_before is not None and after.uptime >= before.uptime:
            monitoring_check = await check_monitoring(target, records, monitoring_before)
            disagreements += monitoring_check.disagreements
    server = after.since(before)
    show(console, records, server)
    if monitoring_check is not None:
        show_monitoring(console, monitoring_check)
    show_verdict(console, disagreements)
    if options.json:
        write(options.json, records, server, disagreements, monitoring_check.row() if monitoring_check else None)
        console.print(f"data of {len(records)} requests: {options.json}")
    return DISAGREE if disagreements else AGREE


async def check_monitoring(target: Target, records: Sequence[Record], before: Monitoring) -> MonitoringCheck:
    """Compares the server's counts of cache and providers with the records."""
    after, disagreements = await target.compared_monitoring(lambda counts: compare_monitoring(records, before, counts))
    return MonitoringCheck.compile(records, before, after, disagreements)


def make_plan(options: Options, catalogue: list[tuple[str, str]], console: Console) -> list[PlannedRequest]:
    """Plans the requests, and prints a summary of the plan."""
    rng = random.Random(options.seed)
    requests = plan(rng, catalogue, options.iterations)
    if options.check_monitoring:
        requests = with_repeats(rng, requests)
    pairs = ", ".join(f"{voice} ({language})" for voice, language in catalogue)
    console.print(
        f"{options.url}: {sum(request.times for request in requests)} requests, "
        f"{options.concurrency} at a time, to {pairs}; seed {options.seed}"
    )
    for voice, language in catalogue:
        if not is_countable(language):
            console.print(f"left out: {voice} ({language}), whose words we can't count")
    return requests


async def send_all(
    target: Target, requests: Sequence[PlannedRequest], concurrency: int, display: Display
) -> list[Record]:
    """Sends all requests, ``concurrency`` at a time, and updates the display."""
    waiting = iter(requests)
    records: list[Record] = []
    watcher = asyncio.create_task(update_display(target, display))
    try:
        async with asyncio.TaskGroup() as clients:
            for _ in range(concurrency):
                clients.create_task(send(target, waiting, records, display))
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
    return records


async def send(target: Target, waiting: Iterator[PlannedRequest], records: list[Record], display: Display) -> None:
    """Runs one client: it sends the next request after its last answer."""
    for request in waiting:
        for record in await asyncio.gather(*(send_request(target.session, request) for _ in range(request.times))):
            records.append(record)
            display.add(record)


async def update_display(target: Target, display: Display) -> None:
    """Updates the live table's server column; a failed read is skipped."""
    while True:
        with suppress(UnreachableError):
            display.update(await target.snapshot())
        await asyncio.sleep(POLL_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    options = parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    try:
        return asyncio.run(run(options, console))
    except UnreachableError as error:
        console.print(f"[bold red]{error}[/]", soft_wrap=True)
        return NO_SERVER
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
