"""The page of the changes that were found from request to request, and of the verdicts on builds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from drift import files
from drift.reports.page import environment

NAME = "changes.html"
LISTED = 100


class Item(Protocol):
    """What the page shows of each piece of news."""

    @property
    def time(self) -> float:
        """When it was found, in seconds since 1970."""

    @property
    def text(self) -> str:
        """It in words."""

    @property
    def bad(self) -> bool:
        """Whether it is a change for the worse."""


def write(folder: Path, news: Sequence[Item], *, tested: bool) -> None:
    """Writes the page into the state folder, if it has changed. Raises OSError."""
    text = render(news, tested=tested)
    path = folder / NAME
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        files.write(path, text)


def render(news: Sequence[Item], *, tested: bool) -> str:
    """Returns the page as HTML; ``news`` is in order of time, and the page shows the newest first."""
    shown = [
        {"when": f"{datetime.fromtimestamp(item.time, UTC):%-d %b %Y, %H:%M}", "text": item.text, "bad": item.bad}
        for item in reversed(news[-LISTED:])
    ]
    return environment().get_template("changes.html").render(news=shown, tested=tested)
