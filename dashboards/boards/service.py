"""Service: is it up, is it quick, does it fail?"""

from __future__ import annotations

from dashboards.objective import WINDOW, budget_left, burn_rate, failures
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.promql import buckets, mean, now, quantile, rate, seen, series, share
from dashboards.traceql import equal, given, longer_than, requests
from otel.contract.labels import ENDPOINT, ERROR_TYPE, OUTCOME, SIDE, STATUS_CODE
from otel.contract.metrics import ERRORS, REQUEST_DURATION, REQUESTS, REQUESTS_IN_FLIGHT
from otel.contract.promql import INSTANCE
from otel.contract.slo import AVAILABILITY

SHARES = (0.5, 0.95, 0.99)
SLOW_SECONDS = 10
"""The response time that 95 of 100 requests should stay below."""
ERRORS_PER_SECOND = 0.1
FAILED = requests(equal("tts.outcome", "error"))

SUCCESS = Panel(
    "success",
    "Success",
    "The share of accepted requests that ended ok, over the time shown. Refused ones are not among them.",
    "stat",
    Unit.SHARE,
    (Query(f"1 - ({failures('$__range')})"),),
    thresholds=(Threshold(AVAILABILITY, "warning", below=True), Threshold(0.95, "critical", below=True)),
    asked=("B1.1", "B2.6"),
    width=4,
    height=5,
)
P95_NOW = Panel(
    "p95-now",
    "p95",
    "Of 95 in 100 requests the longest, now.",
    "stat",
    Unit.SECONDS,
    (Query(quantile(0.95, REQUEST_DURATION)),),
    thresholds=(Threshold(SLOW_SECONDS, "critical"),),
    traces=requests(longer_than(1)),
    asked=("A5.7",),
    width=4,
    height=5,
)
RATE_NOW = Panel(
    "rate-now",
    "Requests",
    "Calls that ask for audio, a second, refused ones included, now.",
    "stat",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS)),),
    asked=("A5.1",),
    width=4,
    height=5,
)
IN_FLIGHT_NOW = Panel(
    "in-flight-now",
    "In flight",
    "Calls for audio that are not finished, now.",
    "stat",
    Unit.NUMBER,
    (Query(now(REQUESTS_IN_FLIGHT)),),
    width=4,
    height=5,
)
BUDGET = Panel(
    "error-budget",
    "Error budget left",
    f"Of the failures that a promise of {AVAILABILITY:.1%} allows within {WINDOW} (or as far back as Prometheus "
    "keeps). Below 0 the promise is broken.",
    "stat",
    Unit.SHARE,
    (Query(budget_left()),),
    thresholds=(Threshold(0.25, "warning", below=True), Threshold(0, "critical", below=True)),
    width=4,
    height=5,
)
SERVERS = Panel(
    "servers",
    "Servers",
    "Processes that report.",
    "stat",
    Unit.NUMBER,
    (Query(f"count ({series(REQUESTS_IN_FLIGHT)})"),),
    width=4,
    height=5,
)
REQUEST_RATE = Panel(
    "request-rate",
    "Requests by outcome",
    "Calls that ask for audio, a second, by how they ended: ok; error (accepted, then failed); rejected (refused "
    "before any synthesis); cancelled (the client left).",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (OUTCOME,)), "{outcome}"),),
    asked=("A5.1", "B2.6"),
)
LATENCY = Panel(
    "latency",
    "Response time",
    "The server's own time from the request's last byte to the last byte of audio: of 50, 95 and 99 in 100 requests, "
    "the longest.",
    "lines",
    Unit.SECONDS,
    tuple(Query(quantile(share, REQUEST_DURATION), f"p{share * 100:.0f}") for share in SHARES),
    thresholds=(Threshold(SLOW_SECONDS, "critical"),),
    traces=requests(longer_than(1)),
    asked=("A5.7", "B2.6"),
)
LATENCY_DISTRIBUTION = Panel(
    "latency-distribution",
    "Distribution of response times",
    "How many requests a second ended within each range of time.",
    "heatmap",
    Unit.SECONDS,
    (Query(buckets(REQUEST_DURATION), "{le}"),),
    traces=requests(longer_than(1)),
    asked=("A5.6",),
)
ERROR_RATE = Panel(
    "error-rate",
    "Errors",
    "Calls that were refused or failed, a second, by error class and by whose mistake it was; docs/errors.md explains "
    "each. The alert watches those of the server.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(ERRORS, (ERROR_TYPE, SIDE)), "{error_type} ({side})"),),
    thresholds=(Threshold(ERRORS_PER_SECOND, "critical"),),
    traces=FAILED,
    empty="Nothing was refused and nothing failed.",
    asked=("A5.4", "B1.3", "B2.6"),
)
ERROR_RATIO = Panel(
    "error-ratio",
    "Share of errors and refusals",
    "Failed requests among the accepted ones, and refused requests among all.",
    "lines",
    Unit.SHARE,
    (
        Query(
            share(rate(REQUESTS, (), {OUTCOME: "error"}), rate(REQUESTS, (), {OUTCOME: ("ok", "error")})),
            "failed",
        ),
        Query(share(rate(REQUESTS, (), {OUTCOME: "rejected"}), rate(REQUESTS)), "refused"),
    ),
    thresholds=(Threshold(0.05, "critical"),),
    traces=FAILED,
    asked=("A5.4", "B1.1"),
)
BURN_RATE = Panel(
    "burn-rate",
    "Burn rate of the error budget",
    f"1: at this rate the budget lasts exactly {WINDOW}; 14: two days. Over the last hour, and over the last six.",
    "lines",
    Unit.NUMBER,
    tuple(Query(burn_rate(over), over) for over in ("1h", "6h")),
    thresholds=(Threshold(6, "warning"), Threshold(14, "critical")),
    traces=FAILED,
)
IN_FLIGHT = Panel(
    "in-flight",
    "In flight",
    "Calls for audio that are not finished, by server.",
    "stacked",
    Unit.NUMBER,
    (Query(now(REQUESTS_IN_FLIGHT, (INSTANCE,)), "{instance}"),),
)
STATUS_CODES = Panel(
    "status-codes",
    "Status codes",
    "Answers a second by HTTP status; 499 stands for a client that left before there was one.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (STATUS_CODE,)), "{status_code}"),),
)
ENDPOINTS = Panel(
    "endpoints",
    "Response time by call",
    "The mean of each path that speaks.",
    "lines",
    Unit.SECONDS,
    (Query(mean(REQUEST_DURATION, (ENDPOINT,)), "{endpoint}"),),
    traces=requests(longer_than(1)),
)
SLOWEST_REQUESTS = Panel(
    "slowest-requests",
    "Slowest requests",
    "The slowest of the last hundred requests of more than a second. A click opens the trace: where the time went.",
    "traces",
    Unit.SECONDS,
    requests(longer_than(1), limit=100),
    empty="No request took over a second.",
    width=12,
    height=9,
)
FAILED_REQUESTS = Panel(
    "failed-requests",
    "Failed and fallen back",
    "Requests that failed, and those that another provider had to answer.",
    "traces",
    Unit.SECONDS,
    requests((equal("tts.outcome", "error"), given("tts.fallback_from"))),
    empty="Nothing failed.",
    width=12,
    height=9,
)

SERVICE = Board(
    "ttscope-service",
    "Service",
    "Is it up, is it quick, does it fail?",
    (
        Row("Now", (SUCCESS, P95_NOW, RATE_NOW, IN_FLIGHT_NOW, BUDGET, SERVERS)),
        Row("Requests", (REQUEST_RATE, LATENCY, LATENCY_DISTRIBUTION, IN_FLIGHT, STATUS_CODES, ENDPOINTS)),
        Row("Failures", (ERROR_RATE, ERROR_RATIO, BURN_RATE)),
        Row("Traces", (SLOWEST_REQUESTS, FAILED_REQUESTS)),
    ),
)
