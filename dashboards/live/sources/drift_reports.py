"""The drift job's folder, read only: which windows there are, their verdicts, and their pages made harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAME = "%Y-%m-%dT%H-%M-%SZ"
"""Of a window's folder: when it begins."""
MOST_WINDOWS = 168
MOST_PAGE_BYTES = 2**20
MOST_REPORT_BYTES = 32 * 2**20
HISTORY, PAGE, VERDICT, EVIDENTLY = "index.html", "index.html", "verdict.json", "evidently.html"
FENCE = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src '
    "'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">"
    "<style>a { pointer-events: none } nav { display: none }</style>\n"
)
"""Before anything of the page itself: no script, nothing from elsewhere, no way out. Links lead into the folder, where
a page inside a page can't follow."""


class ReportError(Exception):
    """A page or a verdict can't be shown; the message is for whoever looks at the page."""


@dataclass(frozen=True, slots=True)
class Score:
    """A column of a window, beside its threshold."""

    column: str
    ratio: float
    """The distance from the reference in thresholds: from 1 on it is over."""
    over: bool
    detected: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of a window."""

    start: datetime
    end: datetime
    state: str
    rows: int
    scores: tuple[Score, ...]


class Reports:
    """The folder that TTSCOPE_DASHBOARD_DRIFT_DIR names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def windows(self) -> tuple[str, ...]:
        """The names of those that were judged, the newest first; of very many, the last week of hours."""
        try:
            names = [path.name for path in (self.folder / "windows").iterdir() if _time_of(path.name) is not None]
        except OSError:
            return ()
        return tuple(sorted(names, reverse=True)[:MOST_WINDOWS])

    def verdict(self, window: str) -> Verdict:
        """Raises ReportError."""
        text = self._read(_inside(window) / VERDICT, MOST_PAGE_BYTES)
        try:
            return _verdict(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ReportError("The verdict of this window can't be read.") from None

    def page(self, window: str | None) -> str:
        """The window's page, or that of all windows, behind the fence. Raises ReportError."""
        path = Path(HISTORY) if window is None else _inside(window) / PAGE
        return FENCE + self._read(path, MOST_PAGE_BYTES)

    def evidently(self, window: str) -> str | None:
        """Evidently's own report, which is a page with scripts: to be kept, not to be shown. None if it is gone."""
        try:
            return self._read(_inside(window) / EVIDENTLY, MOST_REPORT_BYTES)
        except ReportError:
            return None

    def _read(self, relative: Path, most: int) -> str:
        """A file of the folder; a link that leads out of it is not one."""
        path = self.folder / relative
        try:
            if not path.resolve(strict=True).is_relative_to(self.folder.resolve(strict=True)):
                raise ReportError("This page is not in the drift job's folder.")
            if path.stat().st_size > most:
                raise ReportError("This page is too large to show.")
            return path.read_text(encoding="utf-8", errors="replace")
        except (OSError, RuntimeError):  # the latter of links that lead in a circle
            raise ReportError("This page no longer exists, or does not exist yet.") from None


def title_of(window: str) -> str:
    """When it begins, as people write it; UTC as in the job's pages."""
    time = _time_of(window)
    return f"{time:%-d %b %Y, %H:%M} UTC" if time else window


def _inside(window: str) -> Path:
    """The window's folder; whatever is not the name of one is refused, however it is written."""
    if _time_of(window) is None:
        raise ReportError("This window does not exist.")
    return Path("windows") / window


def _time_of(name: str) -> datetime | None:
    try:
        time = datetime.strptime(name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if time.strftime(NAME) == name else None


def _verdict(data: Mapping[str, Any]) -> Verdict:
    judged = [score for score in data["scores"] if score["value"] is not None and score["threshold"]]
    return Verdict(
        datetime.fromisoformat(data["start"]),
        datetime.fromisoformat(data["end"]),
        str(data["state"]),
        int(data["rows"]),
        tuple(
            Score(
                str(score["column"]),
                float(score["value"]) / float(score["threshold"]),
                bool(score["over"]),
                bool(score["detected"]),
            )
            for score in judged
        ),
    )
