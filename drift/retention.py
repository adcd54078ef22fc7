"""Removes old data: rows, Evidently's reports, windows, references and MLflow's runs, each at its own age."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift.outputs.outbox import Outbox
from drift.rows.store import Rows
from drift.settings import Settings
from drift.state.state_folder import StateFolder, time_of

log = logging.getLogger("ttscope.drift.retention")
REFERENCE_TIME = "%Y%m%dT%H%MZ"


def forget(
    state: StateFolder, rows: Rows, outbox: Outbox, settings: Settings, *, now: datetime, failed: dict[str, str]
) -> None:
    """Removes what is older than the settings allow, except at outputs that just ``failed``. Raises OSError."""
    kept_from = now - timedelta(days=settings.retention_days)
    reports_from = now - timedelta(days=settings.reports_days)
    rows.drop_before(now - timedelta(days=settings.rows_days))
    gone = 0
    for name in state.names():
        start = time_of(name)
        if start is None or start >= reports_from:
            break  # names are in chronological order
        if start < kept_from:
            state.drop(name)
            gone += 1
        else:
            state.drop_reports(name)
    for name in _references(state.references):
        ended = _end(name)
        if name != state.reference_name() and ended is not None and ended < kept_from:
            state.drop_reference(name)
    outbox.drop_before(kept_from, failed)
    if gone:
        log.info("old windows were removed", extra={"windows": gone, "before": kept_from.isoformat()})


def _references(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _end(name: str) -> datetime | None:
    """Returns the time at which the reference ends, from its name; None if the name has none."""
    with suppress(ValueError, IndexError):
        return datetime.strptime(name.split("-")[1], REFERENCE_TIME).replace(tzinfo=UTC)
    return None
