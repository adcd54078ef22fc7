"""The first page: what the other boards say, in what fits on one screen."""

from __future__ import annotations

from dataclasses import replace

from dashboards.boards.engine import (
    AVAILABLE,
    CACHE_LOOKUPS,
    CACHE_RATIO,
    HELPED,
    LOOKED_FOR,
    PROVIDER_SUCCESS,
    QUEUE,
    STAGES,
)
from dashboards.boards.service import IN_FLIGHT_NOW, LATENCY, P95_NOW, RATE_NOW, REQUEST_RATE, SUCCESS
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.promql import increase, now, quantile, series, share
from dashboards.variables import SPAN
from otel.contract.labels import CACHE_RESULT, ERROR_TYPE
from otel.contract.metrics import CACHE_REQUESTS, ERRORS, PROVIDER_AVAILABLE, QUEUE_DEPTH, TIME_TO_FIRST_AUDIO

FIRST_AUDIO_NOW = Panel(
    "first-audio-now",
    "First audio p95",
    "Until the first audio is ready to be sent: of 95 in 100 requests the longest, now.",
    "stat",
    Unit.SECONDS,
    (Query(quantile(0.95, TIME_TO_FIRST_AUDIO)),),
)
CACHE_NOW = Panel(
    "cache-hits",
    "Cache hits",
    "The share of requests that needed no synthesis of their own, over the time shown.",
    "stat",
    Unit.SHARE,
    (Query(share(increase(CACHE_REQUESTS, SPAN, (), HELPED), increase(CACHE_REQUESTS, SPAN, (), LOOKED_FOR))),),
)
QUEUE_NOW = Panel(
    "queue-now",
    "Queue",
    "Requests that wait for their turn at the engine, now.",
    "stat",
    Unit.NUMBER,
    (Query(now(QUEUE_DEPTH)),),
)
PROVIDERS_NOW = Panel(
    "providers-now",
    "Providers available",
    "The share of providers to which requests are sent, now.",
    "stat",
    Unit.SHARE,
    (Query(f"avg ({series(PROVIDER_AVAILABLE)})"),),
    thresholds=(Threshold(1, "warning", below=True),),
)
FIRST_AUDIO = Panel(
    "first-audio",
    "Time to first audio",
    "Until the first audio is ready to be sent: the first chunk of a stream, the end of a whole answer; of 50 and 95 "
    "in 100 requests the longest.",
    "lines",
    Unit.SECONDS,
    tuple(Query(quantile(part, TIME_TO_FIRST_AUDIO), f"p{part * 100:.0f}") for part in (0.5, 0.95)),
)
ERROR_TYPES = Panel(
    "error-types",
    "Errors by type",
    "Calls that were refused or failed, over the time shown, by error class; docs/errors.md explains each.",
    "bars",
    Unit.NUMBER,
    (Query(f"round({increase(ERRORS, SPAN, (ERROR_TYPE,))}) > 0", "{error_type}"),),
    empty="Nothing was refused and nothing failed.",
)
CACHE_COUNTS = Panel(
    "cache-counts",
    "Cache requests over the time shown",
    "Requests by what came of looking into the cache.",
    "bars",
    Unit.NUMBER,
    (Query(f"round({increase(CACHE_REQUESTS, SPAN, (CACHE_RESULT,))})", "{result}"),),
)


def _third(panel: Panel) -> Panel:
    return replace(panel, width=8, height=8)


OVERVIEW = Board(
    "ttscope-overview",
    "Overview",
    "Does it speak, how quickly, and who does?",
    (
        Row("", (RATE_NOW, SUCCESS, P95_NOW, FIRST_AUDIO_NOW, CACHE_NOW, IN_FLIGHT_NOW, QUEUE_NOW, PROVIDERS_NOW)),
        Row("Requests", tuple(map(_third, (REQUEST_RATE, LATENCY, ERROR_TYPES, FIRST_AUDIO, STAGES, QUEUE)))),
        Row("Cache", tuple(map(_third, (CACHE_COUNTS, CACHE_RATIO, CACHE_LOOKUPS)))),
        Row("Providers", tuple(replace(panel, width=12, height=8) for panel in (AVAILABLE, PROVIDER_SUCCESS))),
    ),
)
