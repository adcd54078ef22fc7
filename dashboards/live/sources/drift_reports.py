"""The drift job's folder, read only: its windows, their verdicts, and their pages without scripts and links."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from otel.contract.capacity_forecast import CapacityForecast
from otel.contract.drift_verdict import Verdict

WINDOW_NAME = "%Y-%m-%dT%H-%M-%SZ"
"""The format of a window's name, which is its start and the name of its folder."""
MAX_WINDOWS = 168
MAX_PAGE_BYTES = 2**20
MAX_REPORT_BYTES = 32 * 2**20
HISTORY, PAGE, VERDICT, EVIDENTLY = "index.html", "index.html", "verdict.json", "evidently.html"
CAPACITY = "capacity.json"
"""The file of ``python -m bench.capacity --output``."""
SAFE_HEAD = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src '
    "'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">"
    "<style>a { pointer-events: none } nav { display: none }</style>\n"
)
"""Stands before the page's own HTML: no scripts, nothing loaded from elsewhere, no forms. Links are disabled, because
they lead to files of the folder, which a page in a frame can't open."""


class ReportError(Exception):
    """A page or a verdict can't be shown; the message is shown instead."""


class Reports:
    """The folder that TTSCOPE_DASHBOARD_DRIFT_DIR names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def windows(self) -> tuple[str, ...]:
        """Returns the names of the judged windows, the newest first; at most MAX_WINDOWS, which is a week of hours."""
        try:
            names = [path.name for path in (self.folder / "windows").iterdir() if _start_of(path.name) is not None]
        except OSError:
            return ()
        return tuple(sorted(names, reverse=True)[:MAX_WINDOWS])

    def verdict(self, window: str) -> Verdict:
        """Returns the verdict on a window. Raises ReportError."""
        text = self._read(_window_folder(window) / VERDICT, MAX_PAGE_BYTES)
        try:
            return msgspec.json.decode(text, type=Verdict)
        except (msgspec.MsgspecError, RecursionError):
            raise ReportError("The verdict of this window can't be read.") from None

    def capacity(self) -> CapacityForecast | None:
        """Returns the newest forecast of the servers that are needed; None if none was written. Raises ReportError."""
        if not (self.folder / CAPACITY).exists():
            return None
        text = self._read(Path(CAPACITY), MAX_PAGE_BYTES)
        try:
            return msgspec.json.decode(text, type=CapacityForecast)
        except (msgspec.MsgspecError, RecursionError):
            raise ReportError("The forecast of the servers that are needed can't be read.") from None

    def page(self, window: str | None) -> str:
        """Returns the window's page, or that of all windows, after SAFE_HEAD. Raises ReportError."""
        path = Path(HISTORY) if window is None else _window_folder(window) / PAGE
        return SAFE_HEAD + self._read(path, MAX_PAGE_BYTES)

    def evidently(self, window: str) -> str | None:
        """Returns Evidently's report: a page with scripts, to download and not to show. None if it does not exist."""
        try:
            return self._read(_window_folder(window) / EVIDENTLY, MAX_REPORT_BYTES)
        except ReportError:
            return None

    def _read(self, relative: Path, max_bytes: int) -> str:
        """Returns the text of a file in the folder; a link that leads out of the folder is refused."""
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
    """Returns the window's start for people, in UTC as in the job's pages."""
    time = _start_of(window)
    return f"{time:%-d %b %Y, %H:%M} UTC" if time else window


def _window_folder(window: str) -> Path:
    """Returns the window's folder. Raises ReportError for any text that is not exactly a window's name."""
    if _start_of(window) is None:
        raise ReportError("This window does not exist.")
    return Path("windows") / window


def _start_of(name: str) -> datetime | None:
    try:
        time = datetime.strptime(name, WINDOW_NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if time.strftime(WINDOW_NAME) == name else None
