"""The Service dashboard: is the service up, fast and free of errors?"""

from __future__ import annotations

from dashboards.boards.streaming_panels import STREAMING
from dashboards.objective import WINDOW, budget_left, burn_rate
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from dashboards.traceql import above, equal, longer_than, present, requests
from otel.contract.event_fields import RequestField
from otel.contract.labels import CANCELLATION, ENDPOINT, ERROR_TYPE, OUTCOME, SIDE, STATUS_CODE
from otel.contract.metrics import CANCELLATIONS, ERRORS, REQUEST_DURATION, REQUESTS, REQUESTS_IN_FLIGHT
from otel.contract.promql import INSTANCE, ratio
from otel.contract.slo import AVAILABILITY, ERRORS_PER_SECOND, P95_SECONDS, SUCCESS_SHARE
from otel.contract.values import Outcome

SHARES = (0.5, 0.95, 0.99)
FAILED = requests(equal(RequestField.OUTCOME, Outcome.ERROR))
BAD = requests(
    (
        equal(RequestField.OUTCOME, Outcome.ERROR),
        equal(RequestField.ERROR_TYPE, "queue_full"),
        above(RequestField.STATUS_CODE, 499),
    ),
)
"""Requests that use up the error budget."""


def failures(over: str) -> str:
    """The share of accepted requests that failed within a time; rejected and cancelled ones do not count."""
    return ratio(
        SELECTED.count(REQUESTS, where={OUTCOME: "error"}, over=over),
        SELECTED.count(REQUESTS, where={OUTCOME: ("ok", "error")}, over=over),
    )


SUCCESS = Panel(
    "success",
    "Success",
    "Share of accepted requests that ended ok, over the dashboard's time range. Rejected requests are not counted. "
    "When it falls, Errors shows which error class is responsible.",
    "stat",
    Unit.SHARE,
    (Query(f"1 - ({failures('$__range')})"),),
    thresholds=(
        Threshold(AVAILABILITY.objective, "warning", below=True),
        Threshold(SUCCESS_SHARE, "critical", below=True),
    ),
    width=4,
    height=5,
)
P95_NOW = Panel(
    "p95-now",
    "p95",
    "95th percentile of the response time now, in seconds, of requests that ended ok or failed after they were "
    "accepted. When it is high, Time per stage on Engine and system shows where the time goes.",
    "stat",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, REQUEST_DURATION)),),
    thresholds=(Threshold(P95_SECONDS, "critical"),),
    traces=requests(longer_than(1)),
    width=4,
    height=5,
)
RATE_NOW = Panel(
    "rate-now",
    "Requests",
    "Synthesis requests per second now, including rejected ones. Compare with Requests, now and a week ago on Usage.",
    "stat",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS)),),
    width=4,
    height=5,
)
IN_FLIGHT_NOW = Panel(
    "in-flight-now",
    "In flight",
    "Synthesis requests that are being processed now.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.total(REQUESTS_IN_FLIGHT)),),
    width=4,
    height=5,
)
BUDGET = Panel(
    "error-budget",
    "Error budget left",
    f"Share of the error budget that is left, within {WINDOW} or within Prometheus' retention if that is shorter. The "
    f"objective: {AVAILABILITY.objective * 100:g} % of {AVAILABILITY.promise}. Below 0 it is missed. When it falls, "
    "Burn rate shows how fast and Errors shows why.",
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
    "Server processes that report metrics. If one is missing, look at its log and run `make doctor`.",
    "stat",
    Unit.NUMBER,
    (Query(f"count ({SELECTED.series(REQUESTS_IN_FLIGHT)})"),),
    width=4,
    height=5,
)
REQUEST_RATE = Panel(
    "request-rate",
    "Requests by outcome",
    "Synthesis requests per second by outcome: ok; error (accepted, then failed); rejected (refused before any "
    "synthesis); cancelled (the client disconnected).",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS, by=(OUTCOME,)), "{outcome}"),),
)
LATENCY = Panel(
    "latency",
    "Response time",
    "p50, p95 and p99 of the response time in seconds: the server's own time from the last byte of the request to the "
    "last byte of audio. When it rises, look at Slowest requests and at Time per stage on Engine and system.",
    "lines",
    Unit.SECONDS,
    tuple(Query(SELECTED.quantile(share, REQUEST_DURATION), f"p{share * 100:.0f}") for share in SHARES),
    thresholds=(Threshold(P95_SECONDS, "critical"),),
    traces=requests(longer_than(1)),
)
LATENCY_DISTRIBUTION = Panel(
    "latency-distribution",
    "Distribution of response times",
    "Requests per second by response time. A second band means that some requests take another path, such as the "
    "cache or a fallback provider.",
    "heatmap",
    Unit.SECONDS,
    (Query(SELECTED.distribution(REQUEST_DURATION)),),
    traces=requests(longer_than(1)),
)
ERROR_RATE = Panel(
    "error-rate",
    "Errors",
    "Rejected and failed requests per second, by error class and by side: client or server. docs/errors.md explains "
    "each class. The alert TtsErrorRateHigh counts only errors of the server.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(ERRORS, by=(ERROR_TYPE, SIDE)), "{error_type} ({side})"),),
    thresholds=(Threshold(ERRORS_PER_SECOND, "critical"),),
    traces=FAILED,
    empty="No request was rejected or failed.",
    width=6,
)
ERROR_RATIO = Panel(
    "error-ratio",
    "Share of errors and refusals",
    "Failed requests as a share of accepted ones, and rejected requests as a share of all. Errors shows the error "
    "classes.",
    "lines",
    Unit.SHARE,
    (
        Query(
            ratio(
                SELECTED.rate(REQUESTS, where={OUTCOME: "error"}),
                SELECTED.rate(REQUESTS, where={OUTCOME: ("ok", "error")}),
            ),
            "failed",
        ),
        Query(ratio(SELECTED.rate(REQUESTS, where={OUTCOME: "rejected"}), SELECTED.rate(REQUESTS)), "refused"),
    ),
    thresholds=(Threshold(0.05, "critical"),),
    traces=FAILED,
    width=6,
)
CANCELLED = Panel(
    "cancellations",
    "Why requests were cancelled",
    "Cancelled requests per second by reason: the client left before its request had arrived (incomplete), before the "
    "answer began, or while it received the answer; it received too slowly (slow_reader), or stopped an utterance of a "
    "socket (interrupted), as in any conversation. When clients leave before the answer, look at "
    "Response time: they may not wait that long.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.positive_rate(CANCELLATIONS, by=(CANCELLATION,)), "{reason}"),),
    traces=requests(present(RequestField.CANCELLATION)),
    empty="No request was cancelled.",
    width=6,
)
BURN_RATE = Panel(
    "burn-rate",
    "Burn rate of the error budget",
    f"How fast the error budget is used, over the last hour and the last six hours. At 1 it lasts exactly {WINDOW}, at "
    "14 two days. Errors shows the error classes.",
    "lines",
    Unit.NUMBER,
    tuple(Query(burn_rate(over), over) for over in ("1h", "6h")),
    thresholds=(Threshold(6, "warning"), Threshold(14, "critical")),
    traces=BAD,
    width=6,
)
IN_FLIGHT = Panel(
    "in-flight",
    "In flight",
    "Synthesis requests that are being processed, by server. If it grows while the request rate does not, requests "
    "take longer: look at Response time and at the queue on Engine and system.",
    "stacked",
    Unit.NUMBER,
    (Query(SELECTED.total(REQUESTS_IN_FLIGHT, by=(INSTANCE,)), "{instance}"),),
)
STATUS_CODES = Panel(
    "status-codes",
    "Status codes",
    "Responses per second by HTTP status code. 499 means that the client disconnected before the response began.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS, by=(STATUS_CODE,)), "{status_code}"),),
)
ENDPOINTS = Panel(
    "endpoints",
    "Response time by endpoint",
    "Mean response time in seconds of each endpoint that returns audio.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.mean(REQUEST_DURATION, by=(ENDPOINT,)), "{endpoint}"),),
    traces=requests(longer_than(1)),
)
SLOWEST_REQUESTS = Panel(
    "slowest-requests",
    "Slowest requests",
    "The slowest of the last hundred requests that took more than a second. Click one to open its trace, which shows "
    "where the time went.",
    "traces",
    Unit.SECONDS,
    requests(longer_than(1), limit=100),
    empty="No request took more than a second.",
    width=12,
    height=9,
)
FAILED_REQUESTS = Panel(
    "failed-requests",
    "Failed requests and fallbacks",
    "Requests that failed, and requests that another provider answered. Click one to open its trace, which shows each "
    "attempt.",
    "traces",
    Unit.SECONDS,
    requests((equal(RequestField.OUTCOME, Outcome.ERROR), present(RequestField.FALLBACK_FROM))),
    empty="No request failed or fell back.",
    width=12,
    height=9,
)

SERVICE = Board(
    "ttscope-service",
    "Service",
    "Is the service up, fast and free of errors?",
    (
        Row("Now", (SUCCESS, P95_NOW, RATE_NOW, IN_FLIGHT_NOW, BUDGET, SERVERS)),
        Row("Requests", (REQUEST_RATE, LATENCY, LATENCY_DISTRIBUTION, IN_FLIGHT, STATUS_CODES, ENDPOINTS)),
        Row("Failures", (ERROR_RATE, ERROR_RATIO, BURN_RATE, CANCELLED)),
        STREAMING,
        Row("Traces", (SLOWEST_REQUESTS, FAILED_REQUESTS)),
    ),
)
