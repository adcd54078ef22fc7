"""Alerts on keys, on the limits of clients, on the audit log, and on the shared store."""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.labels import AUDIT_EVENT, AUTHENTICATION_RESULT, CLIENT, LOSS_REASON, RATE_LIMIT_REASON
from otel.contract.metrics import RATE_LIMITED
from otel.contract.promql import INSTANCE, UNSCOPED
from otel.contract.security_metrics import AUDIT_ENTRIES, AUDIT_FAILURES, AUTH_ATTEMPTS, KEY_EXPIRY, SHARED_STORE_AGE

GUESSES = ("malformed", "unknown")
"""The results for keys that nobody was ever given."""
MANY_GUESSES = 100
WEEK, DAY = 7 * 86400, 86400

MANY_REFUSALS = 100
OLD_SECONDS = 60

GROUP = Group(
    "security",
    "Security: keys, limits, audit log, shared store.",
    (
        Alert(
            name="TtsKeysGuessed",
            expr=f"{UNSCOPED.increase(AUTH_ATTEMPTS, by=(INSTANCE,), where={AUTHENTICATION_RESULT: GUESSES}, over='5m')} >= {MANY_GUESSES}",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SECURITY,
            summary="Somebody tries API keys",
            description="{{ $labels.instance }} refused {{ $value | humanize }} requests of the last five minutes, "
            f"whose keys nobody has issued; the limit is {MANY_GUESSES}.",
            dashboard=Dashboard.SECURITY,
            keep="10m",
        ),
        Alert(
            name="TtsRevokedKeyUsed",
            expr=f"({UNSCOPED.growth(AUTH_ATTEMPTS, by=(INSTANCE,), where={AUTHENTICATION_RESULT: 'revoked'}, over='10m')}) > 0",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SECURITY,
            summary="A revoked API key is in use",
            description="{{ $labels.instance }} refused {{ $value | humanize }} requests of the last ten minutes, whose "
            "key was revoked or replaced.",
            dashboard=Dashboard.SECURITY,
            keep="10m",
        ),
        Alert(
            name="TtsKeyExpiring",
            expr=f"({UNSCOPED.smallest(KEY_EXPIRY, by=(CLIENT,))} < {WEEK}) > -{DAY}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SECURITY,
            summary="The API key of {{ $labels.client }} expires soon",
            description="It expires in {{ $value | humanizeDuration }} (negative: it has expired). Then its requests "
            "get 401.",
            dashboard=Dashboard.SECURITY,
        ),
        Alert(
            name="TtsClientsLimited",
            expr=f"{UNSCOPED.increase(RATE_LIMITED, by=(INSTANCE, RATE_LIMIT_REASON), over='10m')} >= {MANY_REFUSALS}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SECURITY,
            summary="Clients are above a limit: {{ $labels.reason }}",
            description="{{ $labels.instance }} refused {{ $value | humanize }} requests of the last ten minutes, because "
            f"their client was above its limit {{{{ $labels.reason }}}}; the alert's limit is {MANY_REFUSALS}.",
            dashboard=Dashboard.SECURITY,
            keep="10m",
        ),
        Alert(
            name="TtsAuditLogFailing",
            expr=f"({UNSCOPED.growth(AUDIT_FAILURES, by=(INSTANCE, LOSS_REASON), over='10m')}) > 0",
            hold="0s",
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            topic=Topic.AUDIT,
            summary="A server can't write its audit log: {{ $labels.reason }}",
            description="{{ $labels.instance }} could not write {{ $value | humanize }} entries within ten minutes. "
            "Reason: {{ $labels.reason }}. Changes of keys and voices are refused meanwhile.",
            dashboard=Dashboard.SECURITY,
        ),
        Alert(
            name="TtsAuditLogDamaged",
            expr=f"({UNSCOPED.growth(AUDIT_ENTRIES, by=(INSTANCE,), where={AUDIT_EVENT: 'log_damaged'}, over='1h')}) > 0",
            hold="0s",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.AUDIT,
            summary="Somebody has changed the audit log",
            description="{{ $labels.instance }} found its audit log not as it had left it, {{ $value | humanize }} times "
            "within an hour.",
            dashboard=Dashboard.SECURITY,
        ),
        Alert(
            name="TtsSharedStoreLost",
            expr=f"{UNSCOPED.largest(SHARED_STORE_AGE, by=(INSTANCE,))} > {OLD_SECONDS}",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.SECURITY,
            summary="A server can't reach the store that servers share",
            description="{{ $labels.instance }} compared its copies {{ $value | humanizeDuration }} ago, every 2 seconds are "
            "usual. It speaks on; keys that were revoked elsewhere are still valid there, and voices and keys can't be changed.",
            dashboard=Dashboard.SECURITY,
        ),
    ),
)
