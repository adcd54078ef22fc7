"""Writes the reports of costs and of usage of a month into the state folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift import files
from drift.accounts.costs import costs
from drift.accounts.month import month
from drift.accounts.usage import MOST_WEEKS, WEEK, usage
from drift.reports import cost_page, usage_page
from drift.rows.store import Rows
from drift.settings import Settings
from drift.state.state_folder import SERVED, StateFolder

FOLDER = "accounts"
"""The folder of the reports, inside the state folder."""


def report_costs(settings: Settings, name: str | None, now: datetime | None = None) -> tuple[str, list[Path]]:
    """Ingests new events, writes the costs of the month ``name``, the present one for None, and returns them in words,
    with the files. Raises MonthError, StateError, DriftError and OSError."""
    now = now or datetime.now(UTC)
    span = month(name, now)
    state = StateFolder.open(settings.state)
    with state.lock():
        with _ingested(settings, state, now).period(span.start, span.end) as period:
            report = costs(period, span)
        paths = {
            f"cost-{span.name}.html": cost_page.html(report),
            f"cost-{span.name}.csv": cost_page.table(report),
            f"cost-{span.name}.json": cost_page.figures(report),
        }
        written = _write(state, paths)
    return " ".join([cost_page.words(report), *cost_page.notes(report)]), written


def report_usage(settings: Settings, name: str | None, now: datetime | None = None) -> tuple[str, list[Path]]:
    """Ingests new events, writes the usage of the month ``name``, the present one for None, and returns it in words,
    with the files. Raises as ``report_costs`` does."""
    now = now or datetime.now(UTC)
    span = month(name, now)
    state = StateFolder.open(settings.state)
    with state.lock():
        begin = min(span.start, span.end - MOST_WEEKS * WEEK - timedelta(hours=1))
        with _ingested(settings, state, now).period(begin, span.end) as period:
            report = usage(period, span)
        written = _write(
            state,
            {f"usage-{span.name}.html": usage_page.html(report), f"usage-{span.name}.csv": usage_page.table(report)},
        )
    text = usage_page.words(report)
    return (text if report.forecast is None else f"{text} {usage_page.forecast_words(report.forecast)}"), written


def _ingested(settings: Settings, state: StateFolder, now: datetime) -> Rows:
    rows = Rows(state.rows)
    rows.ingest(settings.events, now=now, judged_until=state.judged_until())
    return rows


def _write(state: StateFolder, contents: dict[str, str]) -> list[Path]:
    """Writes the files and returns their paths."""
    folder = state.folder / FOLDER
    folder.mkdir(mode=SERVED, exist_ok=True)
    folder.chmod(SERVED)
    for name, content in contents.items():
        files.write(folder / name, content)
    return [(folder / name).absolute() for name in contents]
