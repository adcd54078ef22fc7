"""Reads what the places say of the load: the client, GET /metrics, GET /prometheus, Prometheus, the live dashboard."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import urllib.error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from otel.contract.labels import WORD_COUNT_RANGE
from otel.contract.metrics import WORD_COUNT_DURATION
from otel.sdk.prometheus_protobuf import CONTENT_TYPE
from otel.support.api_key import authorization
from stack.environment import DASHBOARD_PREFIX, inherited, own_settings
from stack.links import BrokenLinkError, get, read, reason
from stack.numbers.exposition import Buckets, histograms
from stack.numbers.figures import ALL, SHARES, Figures, Place, bounds
from stack.numbers.load import WORDS
from stack.numbers.prometheus import Ask, results
from stack.services import ROOT

PANELS = {"requests": "requests-asked", "means": "endpoints", "quantiles": "latency", "by words": "words-grid"}
"""The panels of the live dashboard that show what is compared."""
ENDPOINT = "/tts"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the server itself says at one time."""

    summary: Mapping[str, Any]
    """The body of GET /metrics."""
    histograms: Mapping[str, Buckets]
    """The durations by range of words of GET /prometheus."""

    @property
    def requests(self) -> int:
        """All requests for audio since the server's start."""
        return int(self.summary["total_requests"])

    @property
    def in_flight(self) -> int:
        """The requests for audio that are not counted yet."""
        return int(self.summary["requests_in_flight"])


def snapshot(url: str) -> Snapshot:
    """Reads GET /metrics and GET /prometheus. Raises BrokenLinkError."""
    summary = get(f"{url}/metrics", authorization())
    try:
        body = read(f"{url}/prometheus", CONTENT_TYPE, authorization())
    except (urllib.error.URLError, TimeoutError) as error:
        raise BrokenLinkError(
            f"the server shows no metrics: {reason(error)}", "set METRICS_ENABLED=true for the server"
        ) from None
    if summary is None:
        raise BrokenLinkError(f"the server shows no summary at {url}/metrics", "read its log")
    return Snapshot(summary, histograms(body, WORD_COUNT_DURATION, WORD_COUNT_RANGE))


def client(durations: Mapping[str, Sequence[float]]) -> Place:
    """Returns what the client saw."""
    return Place(
        "the client",
        {
            words: Figures(
                len(ours), math.fsum(ours) / len(ours), {share: bounds(ours, share).value for share in SHARES}
            )
            for words, ours in durations.items()
            if ours
        },
    )


def summary(before: Snapshot, after: Snapshot) -> Place:
    """Returns what GET /metrics counted between the snapshots; its quantiles are of all since the server's start."""
    found = {}
    for words in WORDS:
        begin, end = (each.summary["by_word_count_range"][words] for each in (before, after))
        count = end["count"] - begin["count"]
        seconds = end["count"] * (end["avg"] or 0.0) - begin["count"] * (begin["avg"] or 0.0)
        found[words] = Figures(count, seconds / count if count else None)
    return Place("GET /metrics", found)


def exposition(before: Snapshot, after: Snapshot) -> Place:
    """Returns what GET /prometheus recorded between the snapshots."""
    empty = Buckets()
    found = {
        words: after.histograms.get(words, empty).since(before.histograms.get(words, empty)).figures()
        for words in WORDS
    }
    return Place("GET /prometheus", found)


def asking(prometheus: str) -> Ask:
    """Returns a client of Prometheus, which raises BrokenLinkError if it does not answer."""

    def ask(promql: str, at: float | None) -> list[tuple[dict[str, str], float]]:
        parameters = {"query": promql, **({} if at is None else {"time": f"{at:.3f}"})}
        answer = get(f"{prometheus}/api/v1/query?{urlencode(parameters)}")
        if answer is None:
            raise BrokenLinkError("Prometheus does not answer a query", "read its log")
        return results(answer)

    return ask


def live_dashboard(prometheus: str, instance: str, start: int, end: int) -> Place:
    """Returns what the live dashboard shows of the time range, computed by the code of its pages, as a program.

    Raises BrokenLinkError if it can't.
    """
    command = [sys.executable, "-m", "dashboards", "values", *PANELS.values()]
    command += [f"--start={start}", f"--end={end}", f"--instance={instance}"]
    own = {**own_settings(DASHBOARD_PREFIX), "TTSCOPE_DASHBOARD_PROMETHEUS_URL": prometheus}
    done = subprocess.run(  # noqa: S603 - the command is ours
        command, cwd=ROOT, env={**inherited(), **own}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BrokenLinkError(f"the live dashboard shows nothing: {done.stderr.strip()}", "make .venv/.dashboards")
    shown = {what: json.loads(done.stdout)[panel] for what, panel in PANELS.items()}
    by_share = {share: shown["quantiles"].get(f"p{share * 100:.0f}") for share in SHARES}
    quantiles = {share: value for share, value in by_share.items() if value is not None}
    [requests] = shown["requests"].values() or [None]
    figures = {ALL: Figures(round(requests or 0), shown["means"].get(ENDPOINT), quantiles)}
    p95 = {words: shown["by words"].get(words) for words in WORDS}
    figures |= {words: Figures(quantiles={0.95: value}) for words, value in p95.items() if value is not None}
    return Place("the live dashboard", figures)
