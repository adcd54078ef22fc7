"""The drift job's folder, read only: its windows, their verdicts, and their pages made harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from otel.contract.drift_verdict import Verdict

NAME = "%Y-%m-%dT%H-%M-%SZ"
"""The name of a window's folder: the time at which the window begins."""
MOST_WINDOWS = 168
MOST_PAGE_BYTES = 2**20
MOST_REPORT_BYTES = 32 * 2**20
HISTORY, PAGE, VERDICT, EVIDENTLY = "index.html", "index.html", "verdict.json", "evidently.html"
SAFE_HEAD = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src '
    "'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">"
    "<style>a { pointer-events: none } nav { display: none }</style>\n"
)
"""Stands before the page itself: no script, nothing from elsewhere, no way out. Links are dead: they lead into the
folder, where a page inside a page can't follow."""


class ReportError(Exception):
    """A page or a verdict can't be shown; the message is shown instead."""


class Reports:
    """The folder that TTSCOPE_DASHBOARD_DRIFT_DIR names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def windows(self) -> tuple[str, ...]:
        """Returns the names of the windows that were judged, the newest first: at most a week of hours."""
        try:
            names = [path.name for path in (self.folder / "windows").iterdir() if _start_of(path.name) is not None]
        except OSError:
            return ()
        return tuple(sorted(names, reverse=True)[:MAX_WINDOWS])

    def verdict(self, window: str) -> Verdict:
        """Returns the window's verdict. Raises ReportError."""
        text = self._read(_inside(window) / VERDICT, MOST_PAGE_BYTES)
        try:
            return msgspec.json.decode(text, type=Verdict)
        except (msgspec.MsgspecError, RecursionError):
            raise ReportError("The verdict of this window can't be read.") from None

    def page(self, window: str | None) -> str:
        """Returns the window's page, or the page of all windows, behind the fence. Raises ReportError."""
        path = Path(HISTORY) if window is None else _inside(window) / PAGE
        return FENCE + self._read(path, MOST_PAGE_BYTES)

    def evidently(self, window: str) -> str | None:
        """Returns Evidently's own report, a page with scripts to be downloaded, not shown; None if it is gone."""
        try:
            return self._read(_window_folder(window) / EVIDENTLY, MAX_REPORT_BYTES)
        except ReportError:
            return None

    def _read(self, relative: Path, most: int) -> str:
        """Returns a file of the folder, at most ``most`` bytes; refuses a link that leads out of the folder."""
        path = self.folder / relative
        try:
            if not path.resolve(strict=True).is_relative_to(self.folder.resolve(strict=True)):
                raise ReportError("This page is not in the drift job's folder.")
            if path.stat().st_size > max_bytes:
                raise ReportError("This page is too large to show.")
            return path.read_text(encoding="utf-8", errors="replace")
        except (OSError, RuntimeError):  # RuntimeError: links that lead in a circle
            raise ReportError("This page no longer exists, or does not exist yet.") from None


def title_of(window: str) -> str:
    """Returns the time at which the window begins, as people write it; in UTC, as in the job's pages."""
    time = _time_of(window)
    return f"{time:%-d %b %Y, %H:%M} UTC" if time else window


def _inside(window: str) -> Path:
    """Returns the window's folder; refuses whatever is not a window's name."""
    if _time_of(window) is None:
        raise ReportError("There is no such window.")
    return Path("windows") / window


def _start_of(name: str) -> datetime | None:
    try:
        time = datetime.strptime(name, WINDOW_NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if time.strftime(NAME) == name else None
