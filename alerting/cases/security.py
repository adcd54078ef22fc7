"""Tests of the alerts on keys, on limits, on the audit log and on the shared store."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

UNKNOWN = 'tts_auth_attempts_total{instance="a",result="unknown"}'
MALFORMED = 'tts_auth_attempts_total{instance="a",result="malformed"}'
REVOKED = 'tts_auth_attempts_total{instance="a",result="revoked"}'
MISSING = 'tts_auth_attempts_total{instance="a",result="missing"}'
VALID = 'tts_auth_attempts_total{instance="a",result="ok"}'
STORE_AGE = 'tts_shared_store_age_seconds{instance="a"}'
EXPIRY = 'tts_key_expiry_seconds{instance="a",client="phone"}'
LIMITED = 'tts_rate_limited_total{instance="a",reason="requests_per_minute"}'
FAILURES = 'tts_audit_failures_total{instance="a",reason="disk_full"}'
DAMAGED = 'tts_audit_entries_total{instance="a",event="log_damaged"}'
WRITTEN = 'tts_audit_entries_total{instance="a",event="key_created"}'

CASES: tuple[Case, ...] = (
    fires(
        "TtsKeysGuessed",
        "24 keys a minute, of both kinds",
        "10m",
        {UNKNOWN: "0+12x20", MALFORMED: "0+12x20"},
        Firing(
            "a refused 120 requests of the last five minutes, whose keys nobody has issued; the limit is 100.",
            {"instance": "a"},
        ),
    ),
    silent(Kind.EDGE, "TtsKeysGuessed", "19 keys a minute", "10m", {UNKNOWN: "0+19x20"}),
    silent(Kind.QUIET, "TtsKeysGuessed", "clients without a key", "10m", {MISSING: "0+1000x20", UNKNOWN: "0x20"}),
    silent(Kind.QUIET, "TtsKeysGuessed", "busy clients with valid keys", "10m", {VALID: "0+1000x20"}),
    silent(Kind.MISSING, "TtsKeysGuessed", "no server", "10m"),
    fires(
        "TtsRevokedKeyUsed",
        "three requests",
        "20m",
        {REVOKED: "0x10 3x20", VALID: "0+10x30"},
        Firing("a refused 3 requests of the last ten minutes, whose key was revoked or replaced.", {"instance": "a"}),
    ),
    silent(Kind.EDGE, "TtsRevokedKeyUsed", "it is half an hour ago", "42m", {REVOKED: "0x10 3x40"}),
    silent(Kind.QUIET, "TtsRevokedKeyUsed", "only valid keys are used", "20m", {REVOKED: "0x30", VALID: "0+10x30"}),
    silent(Kind.MISSING, "TtsRevokedKeyUsed", "no server", "20m"),
    fires(
        "TtsKeyExpiring",
        "in six days",
        "10m",
        {EXPIRY: "518400-60x20"},
        Firing(
            "It expires in 5d 23h 50m 0s (negative: it has expired). Then its requests get 401.", {"client": "phone"}
        ),
    ),
    fires(
        "TtsKeyExpiring",
        "an hour ago",
        "10m",
        {EXPIRY: "-3000-60x20"},
        Firing("It expires in -1h 0m 0s (negative: it has expired). Then its requests get 401.", {"client": "phone"}),
    ),
    silent(Kind.EDGE, "TtsKeyExpiring", "in seven days and an hour", "10m", {EXPIRY: "608400-60x20"}),
    silent(Kind.EDGE, "TtsKeyExpiring", "two days ago", "10m", {EXPIRY: "-172800-60x20"}),
    silent(Kind.MISSING, "TtsKeyExpiring", "no key expires", "10m", {VALID: "0+10x20"}),
    fires(
        "TtsClientsLimited",
        "12 a minute",
        "20m",
        {LIMITED: "0+12x30"},
        Firing(
            "a refused 120 requests of the last ten minutes, because their client was above its limit "
            "requests_per_minute; the alert's limit is 100.",
            {"instance": "a", "reason": "requests_per_minute"},
        ),
    ),
    silent(Kind.EDGE, "TtsClientsLimited", "9 a minute", "20m", {LIMITED: "0+9x30"}),
    silent(Kind.EDGE, "TtsClientsLimited", "too short", "3m", {LIMITED: "0+100x30"}),
    silent(Kind.MISSING, "TtsClientsLimited", "no server", "20m"),
    fires(
        "TtsAuditLogFailing",
        "the disk is full",
        "20m",
        {FAILURES: "0x10 7x20"},
        Firing(
            "a could not write 7 entries within ten minutes. Reason: disk_full. Changes of keys and voices are refused "
            "meanwhile.",
            {"instance": "a", "reason": "disk_full"},
        ),
    ),
    silent(Kind.EDGE, "TtsAuditLogFailing", "a failure that is eleven minutes old", "22m", {FAILURES: "0x10 7x20"}),
    silent(Kind.QUIET, "TtsAuditLogFailing", "every entry was written", "20m", {FAILURES: "0x30", WRITTEN: "0+1x30"}),
    silent(Kind.MISSING, "TtsAuditLogFailing", "no server", "20m"),
    fires(
        "TtsAuditLogDamaged",
        "once",
        "20m",
        {DAMAGED: "0x10 1x20"},
        Firing("a found its audit log not as it had left it, 1 times within an hour.", {"instance": "a"}),
    ),
    silent(Kind.EDGE, "TtsAuditLogDamaged", "an hour ago", "72m", {DAMAGED: "0x10 1x70"}),
    silent(Kind.QUIET, "TtsAuditLogDamaged", "the log is whole", "20m", {DAMAGED: "0x30", WRITTEN: "0+1x30"}),
    silent(Kind.MISSING, "TtsAuditLogDamaged", "no server", "20m"),
    fires(
        "TtsSharedStoreLost",
        "the volume is gone for four minutes",
        "10m",
        {STORE_AGE: "1x6 60+60x20"},
        Firing(
            "a compared its copies 4m 0s ago, every 2 seconds are usual. It speaks on; keys that were revoked elsewhere are "
            "still valid there, and voices and keys can't be changed.",
            {"instance": "a"},
        ),
    ),
    silent(Kind.EDGE, "TtsSharedStoreLost", "a minute, and it is back", "10m", {STORE_AGE: "1x6 60 120 1x20"}),
    silent(Kind.QUIET, "TtsSharedStoreLost", "every two seconds", "10m", {STORE_AGE: "1 2 0 1 2 1x20"}),
    silent(Kind.MISSING, "TtsSharedStoreLost", "servers share nothing", "10m", {VALID: "0+10x20"}),
)
