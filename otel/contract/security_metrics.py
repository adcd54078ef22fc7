"""The metrics of keys, audit log and shared store: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract.instrument import Instrument
from otel.contract.labels import AUDIT_EVENT, AUTHENTICATION_RESULT, CLIENT, LOSS_REASON

AUTH_ATTEMPTS = Instrument(
    "tts.auth.attempts",
    "counter",
    "{attempt}",
    "Requests that needed an API key, by the result of checking it.",
    (AUTHENTICATION_RESULT,),
)
KEY_EXPIRY = Instrument(
    "tts.key.expiry",
    "gauge",
    "s",
    "Time until an API key expires; negative afterwards. Only keys that expire and are not revoked.",
    (CLIENT,),
)
AUDIT_ENTRIES = Instrument(
    "tts.audit.entries",
    "counter",
    "{entry}",
    "Entries that this server has written to the audit log.",
    (AUDIT_EVENT,),
)
AUDIT_FAILURES = Instrument(
    "tts.audit.failures",
    "counter",
    "{entry}",
    "Entries that this server could not write to the audit log, by why.",
    (LOSS_REASON,),
)
SHARED_STORE_AGE = Instrument(
    "tts.shared.store.age",
    "gauge",
    "s",
    "Time since this server compared its copies of keys, registered voices and pronunciations with the shared store. "
    "Absent without one.",
)

SECURITY_METRICS = (AUTH_ATTEMPTS, KEY_EXPIRY, AUDIT_ENTRIES, AUDIT_FAILURES, SHARED_STORE_AGE)
