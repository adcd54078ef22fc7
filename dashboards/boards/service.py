"""Service: is it up, is it quick, does it fail?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Search, Threshold, Unit
from dashboards.promql import buckets, quantile, rate
from otel.attributes import OUTCOME
from otel.instruments import REQUEST_DURATION, REQUESTS

REQUEST_RATE = Panel(
    "request-rate",
    "Requests",
    "Calls that ask for audio, a second, by how they ended.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (OUTCOME,)), "{outcome}"),),
    asked=("A5.1",),
)
LATENCY = Panel(
    "latency",
    "Response time",
    "The server's own time from the request's last byte to the last byte of audio: of 50, 95 and 99 in 100 requests, "
    "the longest.",
    "lines",
    Unit.SECONDS,
    tuple(Query(quantile(share, REQUEST_DURATION), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
    thresholds=(Threshold(10, "critical"),),
    asked=("A5.7",),
)
LATENCY_DISTRIBUTION = Panel(
    "latency-distribution",
    "Response times",
    "How many requests a second ended within each range of time.",
    "heatmap",
    Unit.SECONDS,
    (Query(buckets(REQUEST_DURATION), "{le}"),),
    asked=("A5.6",),
)
SLOWEST_REQUESTS = Panel(
    "slowest-requests",
    "Slowest requests",
    "Traces of requests over a second, the newest first; a click shows where their time went.",
    "traces",
    Unit.SECONDS,
    Search('{ resource.service.name = "ttscope" && kind = server && duration > 1s }'),
    empty="No request took over a second.",
    width=24,
)

SERVICE = Board(
    "ttscope-service",
    "Service",
    "Is it up, is it quick, does it fail?",
    (Row("Requests", (REQUEST_RATE, LATENCY, LATENCY_DISTRIBUTION, SLOWEST_REQUESTS)),),
)
