"""The metrics of keys, of the audit log and of the shared store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from otel.contract.security_metrics import AUDIT_ENTRIES, AUDIT_FAILURES, AUTH_ATTEMPTS, KEY_EXPIRY, SHARED_STORE_AGE
from otel.contract.values import AuthenticationResult
from otel.sdk.recording import Metrics, Readings
from server.access.audit_chain import Chain
from server.access.audit_file import AUDIT_FOLDER, AuditFile
from server.access.audit_log import AddressPolicy, AuditLog
from server.access.key_record import KeyRecord
from server.settings import Settings
from server.shared.shared_files import SharedFiles


class AttemptCounter:
    """Counts requests by the result of checking their key."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def attempted(self, result: AuthenticationResult, key_name: str | None) -> None:
        """Counts one result. The name of the key is not a label: who tries keys would choose how many series there
        are."""
        self._metrics.add(AUTH_ATTEMPTS, 1, result=result)


def open_audit_log(settings: Settings, metrics: Metrics) -> AuditLog:
    """Returns the audit log of a server, whose entries are counted. Its files are opened with the first entry."""
    secret = settings.audit_secret.get_secret_value().encode()
    return AuditLog(
        AuditFile(settings.data_dir / AUDIT_FOLDER, Chain(secret), settings.audit_file_bytes, settings.audit_files),
        AddressPolicy(settings.audit_addresses, secret),
        written=lambda event, entries: metrics.add(AUDIT_ENTRIES, entries, event=event),
        lost=lambda reason, entries: metrics.add(AUDIT_FAILURES, entries, reason=reason),
        required=settings.audit_required,
    )


def observe_age(metrics: Metrics, shared: SharedFiles | None) -> None:
    """Registers the gauge of the time since a server knew what the others share."""
    metrics.observe(SHARED_STORE_AGE, lambda: [] if shared is None else [(shared.age, {})])


def observe_expiry(metrics: Metrics, records: Callable[[], Iterable[KeyRecord]]) -> None:
    """Registers the gauge of the time until keys expire."""

    def readings() -> Readings:
        now = time.time()
        return [
            (record.expires - now, {"client": record.name})
            for record in records()
            if record.expires is not None and record.revoked is None
        ]

    metrics.observe(KEY_EXPIRY, readings)
