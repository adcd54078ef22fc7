"""Sends the load, reads the places, and compares them, in this order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from stack.links import BrokenLinkError, say
from stack.numbers import load, places
from stack.numbers.exposition import Buckets
from stack.numbers.figures import ALL, Bounds, Figures, Place, disagreements
from stack.numbers.load import Answer
from stack.numbers.places import Snapshot
from stack.numbers.prometheus import Server, totals
from stack.numbers.report import table
from stack.settings import StackSettings

AGREE, DISAGREE, DISTURBED = 0, 1, 2
PATIENCE_SECONDS = 60.0
"""The time limit for what the server counted to arrive in Prometheus, by export or scrape."""
POLL_SECONDS = 0.25
CALM_SECONDS = 2.0
"""Two samples so far apart, with equal counts before the load: a whole second lies between them, where it begins."""
SHORTEST_SECONDS = 40
"""The shortest range of time that the live dashboard has rates for."""
SUMMARY_SHARE = 0.95
"""The quantile in GET /metrics that is compared."""
Value = TypeVar("Value")


class DisturbedError(Exception):
    """Other requests were counted together with the load."""


def run(url: str, settings: StackSettings, requests: int) -> int:
    """Prints what the places say and where they disagree; returns the exit code. Raises BrokenLinkError."""
    try:
        sentences = list(compare(url, settings, requests))
    except DisturbedError as disturbed:
        say(f"\nNOT COMPARED  {disturbed}")
        return DISTURBED
    for sentence in sentences:
        say(f"DISAGREE  {sentence}")
    if not sentences:
        say("\nAGREE  five places say the same")
    return DISAGREE if sentences else AGREE


def compare(url: str, settings: StackSettings, requests: int) -> Iterator[str]:
    """Yields every disagreement as a sentence. Raises BrokenLinkError and DisturbedError."""
    prometheus = settings.url(settings.prometheus_port)
    server, begun = _prepare(url, prometheus)
    before = places.snapshot(url)
    plan = load.plan(requests)
    say(f"\nsending {len(plan)} requests to {url}, {load.CLIENTS} at a time")
    answers = list(load.send(url, plan))
    after = _counted(url, before, len(plan))
    ended = _arrive(server, after)
    durations, recorded = _durations(answers), server.between(begun, ended)
    shown = [
        places.client(durations),
        places.summary(before, after),
        places.exposition(before, after),
        Place("Prometheus", {words: recorded.get(words, Figures(0)) for words in load.WORDS}),
        places.live_dashboard(prometheus, server.instance, begun, max(math.ceil(ended), begun + SHORTEST_SECONDS)),
    ]
    _demand_calm(places.snapshot(url).requests - after.requests)
    for line in table(shown):
        say(line)
    overheads = [answer.waited - answer.seconds for answer in answers if answer.status == 200]
    waited = sum(overheads) / max(len(overheads), 1)
    say(f"\nDurations are the server's own; the client waited {waited * 1e3:.1f} ms longer on average.")
    yield from _unanswered(answers)
    for place in shown[1:]:
        yield from disagreements(durations, place)
    yield from _summary_quantiles(after, server.quantile_since_start(SUMMARY_SHARE, ended))


def _prepare(url: str, prometheus: str) -> tuple[Server, int]:
    """Begins all series, since rates tell what follows their first sample. Returns the server in Prometheus and a time.

    At that time, in whole seconds since 1970, Prometheus has all that the server has counted.
    """
    ask = places.asking(prometheus)
    known, before = totals(ask), places.snapshot(url)
    first = load.first_of_each()
    answers = [*load.send(url, first), *load.send(url, first)]  # made, and then from the cache: these are two series
    counted = _counted(url, before, len(answers)).requests

    def candidates() -> dict[str, float]:
        """Returns the servers whose count has become this one's, with the time of the newest sample."""
        _demand_calm(places.snapshot(url).requests - counted)
        return {
            instance: newest
            for instance, (count, newest) in totals(ask).items()
            if count == counted and known.get(instance, (0.0, 0.0))[0] < count
        }

    found = _eventually(candidates, bool)
    if not found:
        raise BrokenLinkError(
            f"server -> Prometheus: no server there has counted {counted} requests after {PATIENCE_SECONDS:.0f} s, as "
            "this one has",
            "run it again when nobody else uses the server; python -m stack.doctor names a link that is broken",
        )
    if len(found) > 1:
        raise BrokenLinkError(
            f"Prometheus has the server more than once: as {' and '.join(sorted(found))}",
            "export by OTLP or list the server in scrape.yml, not both",
        )
    [(instance, newest)] = found.items()
    calm = _eventually(candidates, lambda now: now.get(instance, 0.0) >= newest + CALM_SECONDS)
    if calm.get(instance, 0.0) < newest + CALM_SECONDS:
        raise BrokenLinkError(f"server -> Prometheus: nothing arrived within {PATIENCE_SECONDS:.0f} s", "read its log")
    return Server(ask, instance), math.floor(newest) + 1


def _counted(url: str, before: Snapshot, sent: int) -> Snapshot:
    """Returns what the server says once it has counted what was sent, which it does after its last byte."""
    after = _eventually(
        lambda: places.snapshot(url), lambda now: now.requests >= before.requests + sent and not now.in_flight
    )
    _demand_calm(after.requests - before.requests - sent)
    return after


def _arrive(server: Server, after: Snapshot) -> float:
    """Waits until Prometheus has what the server counted; returns that time. Raises BrokenLinkError."""
    expected = {words: after.histograms.get(words, Buckets()).count for words in load.WORDS}

    def arrived(counts: Mapping[str, float]) -> bool:
        return all(counts.get(words, 0.0) >= count for words, count in expected.items())

    counts = _eventually(server.counts, arrived)
    if not arrived(counts):
        raise BrokenLinkError(
            f"server -> Prometheus: {counts} requests by words had arrived after {PATIENCE_SECONDS:.0f} s, and the "
            f"server has {expected}",
            "python -m stack.doctor names a link that is broken",
        )
    return time.time()


def _durations(answers: Sequence[Answer]) -> dict[str, list[float]]:
    """Returns the durations of the requests that were answered, by range and together."""
    spoken = [answer for answer in answers if answer.status == 200]
    by_range = {words: [each.seconds for each in spoken if each.words == words] for words in load.WORDS}
    return {**by_range, ALL: [each.seconds for each in spoken]}


def _demand_calm(others: int) -> None:
    if others > 0:
        raise DisturbedError(
            f"The server counted {others} requests that are not of this load. Its numbers may be right, but they can't "
            "be told apart: run this again when nobody else uses the server."
        )


def _unanswered(answers: Sequence[Answer]) -> Iterator[str]:
    statuses = [answer.status for answer in answers if answer.status != 200]
    if statuses:
        yield f"{len(statuses)} of {len(answers)} requests were not answered with 200, the first with {statuses[0]}."


def _summary_quantiles(after: Snapshot, expected: Mapping[str, Bounds]) -> Iterator[str]:
    """Compares the quantiles in GET /metrics, which are of all since the server's start, with Prometheus'."""
    for words, allowed in expected.items():
        value = after.summary["by_word_count_range"][words][f"p{SUMMARY_SHARE * 100:.0f}"]
        if not allowed.allow(value):
            yield (
                f"GET /metrics says that the p95 of requests of {words} words since the start is {value:.4f} s, and "
                f"Prometheus {allowed.value:.4f} s."
            )


def _eventually(read: Callable[[], Value], is_enough: Callable[[Value], bool]) -> Value:
    """Returns the first value that is enough, or the last one in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_enough(value := read()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return value
