"""The first page: the most important panels of all boards, on one screen."""

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
from dashboards.scope import SELECTED
from dashboards.variables import SPAN
from otel.contract.labels import CACHE_RESULT, ERROR_TYPE
from otel.contract.metrics import CACHE_REQUESTS, ERRORS, PROVIDER_AVAILABLE, QUEUE_DEPTH, TIME_TO_FIRST_AUDIO
from otel.contract.promql import ratio

FIRST_AUDIO_NOW = Panel(
    "first-audio-now",
    "First audio p95",
    "p95 of the time to first audio now, in seconds, of requests that ended ok. The tile p95 counts failed requests "
    "too: if many fail quickly, it can be the lower one. When this one is high, look at the queue.",
    "stat",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, TIME_TO_FIRST_AUDIO)),),
)
CACHE_NOW = Panel(
    "cache-hits",
    "Cache hits",
    "Share of cache lookups that needed no synthesis of their own, over the dashboard's time range.",
    "stat",
    Unit.SHARE,
    (
        Query(
            ratio(
                SELECTED.increase(CACHE_REQUESTS, where=HELPED, over=SPAN),
                SELECTED.increase(CACHE_REQUESTS, where=LOOKED_FOR, over=SPAN),
            )
        ),
    ),
)
QUEUE_NOW = Panel(
    "queue-now",
    "Queue",
    "Requests that wait for the engine now.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.total(QUEUE_DEPTH)),),
)
PROVIDERS_NOW = Panel(
    "providers-now",
    "Providers available",
    "Share of providers that receive requests now. Providers, below, shows which one is missing.",
    "stat",
    Unit.SHARE,
    (Query(f"avg ({SELECTED.series(PROVIDER_AVAILABLE)})"),),
    thresholds=(Threshold(1, "warning", below=True),),
)
FIRST_AUDIO = Panel(
    "first-audio",
    "Time to first audio",
    "p50 and p95 of the time to first audio in seconds: until the first chunk of a stream, or the whole of an answer "
    "that is not streamed, is ready to be sent.",
    "lines",
    Unit.SECONDS,
    tuple(Query(SELECTED.quantile(rank, TIME_TO_FIRST_AUDIO), f"p{rank * 100:.0f}") for rank in (0.5, 0.95)),
)
ERROR_TYPES = Panel(
    "error-types",
    "Errors by type",
    "Rejected and failed requests over the dashboard's time range, by error class. docs/errors.md explains each.",
    "bars",
    Unit.NUMBER,
    (Query(f"round({SELECTED.increase(ERRORS, by=(ERROR_TYPE,), over=SPAN)}) > 0", "{error_type}"),),
    empty="No request was rejected or failed.",
)
CACHE_COUNTS = Panel(
    "cache-counts",
    "Cache lookups in total",
    "Cache lookups over the dashboard's time range, by result.",
    "bars",
    Unit.NUMBER,
    (Query(f"round({SELECTED.increase(CACHE_REQUESTS, by=(CACHE_RESULT,), over=SPAN)})", "{result}"),),
)


def _third(panel: Panel) -> Panel:
    return replace(panel, width=8, height=8)


OVERVIEW = Board(
    "ttscope-overview",
    "Overview",
    "Is the service up, how fast is it, and which providers answer?",
    (
        Row("", (RATE_NOW, SUCCESS, P95_NOW, FIRST_AUDIO_NOW, CACHE_NOW, IN_FLIGHT_NOW, QUEUE_NOW, PROVIDERS_NOW)),
        Row("Requests", tuple(map(_third, (REQUEST_RATE, LATENCY, ERROR_TYPES, FIRST_AUDIO, STAGES, QUEUE)))),
        Row("Cache", tuple(map(_third, (CACHE_COUNTS, CACHE_RATIO, CACHE_LOOKUPS)))),
        Row("Providers", tuple(replace(panel, width=12, height=8) for panel in (AVAILABLE, PROVIDER_SUCCESS))),
    ),
)
