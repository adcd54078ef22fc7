"""The Security dashboard: who is let in, who is not, and is it written down?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from dashboards.variables import SPAN
from otel.contract.labels import AUDIT_EVENT, AUTHENTICATION_RESULT, CLIENT, LOSS_REASON, RATE_LIMIT_REASON
from otel.contract.metrics import RATE_LIMITED
from otel.contract.promql import INSTANCE, Where
from otel.contract.security_metrics import AUDIT_ENTRIES, AUDIT_FAILURES, AUTH_ATTEMPTS, KEY_EXPIRY, SHARED_STORE_AGE
from otel.contract.values import AuthenticationResult

NO_KEYS = "The server has no API keys, or nobody needed one."
FAILED: Where = {AUTHENTICATION_RESULT: tuple(result for result in AuthenticationResult if result != "ok")}
ENDED: Where = {AUTHENTICATION_RESULT: (AuthenticationResult.REVOKED, AuthenticationResult.EXPIRED)}
WEEK = 7 * 86400.0

REFUSED = Panel(
    "attempts-refused",
    "Refused requests",
    "Requests without a key that is valid and allows what they ask for, over the dashboard's time range.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(AUTH_ATTEMPTS, where=FAILED, over=SPAN)),),
    empty=NO_KEYS,
    width=6,
    height=5,
)
ENDED_KEYS = Panel(
    "ended-keys",
    "Use of revoked and expired keys",
    "Requests with a key that was revoked, replaced or has expired, over the dashboard's time range: a program that "
    "still has it, or somebody who stole it.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(AUTH_ATTEMPTS, where=ENDED, over=SPAN)),),
    thresholds=(Threshold(1, "warning"),),
    empty=NO_KEYS,
    width=6,
    height=5,
)
NEXT_EXPIRY = Panel(
    "next-expiry",
    "Next key to expire",
    "Time until the next API key expires; negative if one has expired and was neither rotated nor revoked.",
    "stat",
    Unit.SECONDS,
    (Query(SELECTED.smallest(KEY_EXPIRY)),),
    thresholds=(Threshold(WEEK, "warning", below=True),),
    empty="No API key expires.",
    width=6,
    height=5,
)
NOT_WRITTEN = Panel(
    "audit-not-written",
    "Entries not written",
    "Entries that are missing in the audit log because they could not be written, over the dashboard's time range.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(AUDIT_FAILURES, over=SPAN)),),
    thresholds=(Threshold(1, "critical"),),
    width=6,
    height=5,
)
ATTEMPTS = Panel(
    "attempts",
    "Requests by result of the key check",
    "Requests per second that needed an API key, by the result of checking it. Many `unknown` or `malformed` keys are "
    "somebody who tries keys; `missing` is a client without one.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(AUTH_ATTEMPTS, by=(AUTHENTICATION_RESULT,)), "{result}"),),
    empty=NO_KEYS,
    width=12,
)
EXPIRY = Panel(
    "key-expiry",
    "Time until keys expire",
    "Time until each API key expires, by its name. Keys that never expire or are revoked are not shown.",
    "table",
    Unit.SECONDS,
    (Query(SELECTED.smallest(KEY_EXPIRY, by=(CLIENT,)), "{client}"),),
    empty="No API key expires.",
    width=12,
)
STORE_AGE = Panel(
    "shared-store-age",
    "Age of what servers share",
    "Time since each server compared its copies of keys, registered voices and pronunciations with the shared store, "
    "which it does every 2 seconds. While it cannot, a key that was revoked elsewhere is still valid here.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.largest(SHARED_STORE_AGE, by=(INSTANCE,)), "{instance}"),),
    empty="The servers have no shared store.",
    width=12,
)
LIMITED = Panel(
    "rate-limited",
    "Requests over a client's limit",
    "Requests per second that were refused with 429 because the client had exceeded one of its limits, by limit.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(RATE_LIMITED, by=(RATE_LIMIT_REASON,)), "{reason}"),),
    width=12,
)
ENTRIES = Panel(
    "audit-entries",
    "Entries of the audit log",
    "Entries per second that the servers have written, by event. Repeated refusals are one entry a minute with their "
    "number, so this is not their rate. `python -m server.audit show` has the entries.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(AUDIT_ENTRIES, by=(AUDIT_EVENT,)), "{event}"),),
    width=12,
)
FAILURES = Panel(
    "audit-failures",
    "Entries not written, by reason",
    "Entries per second that could not be written to the audit log, by why. Meanwhile changes of keys, voices and "
    "dictionaries are refused, unless `TTSCOPE_AUDIT_REQUIRED` is false.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(AUDIT_FAILURES, by=(LOSS_REASON,)), "{reason}"),),
    width=12,
)

SECURITY = Board(
    "ttscope-security",
    "Security",
    "Who is let in, who is refused, and is it written down?",
    (
        Row("Now", (REFUSED, ENDED_KEYS, NEXT_EXPIRY, NOT_WRITTEN)),
        Row("Keys", (ATTEMPTS, EXPIRY)),
        Row("Limits and shared store", (LIMITED, STORE_AGE)),
        Row("Audit log", (ENTRIES, FAILURES)),
    ),
)
