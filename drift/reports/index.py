"""The first page: the last window, and a heat map of all columns over the windows before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from drift import files
from drift.columns.columns import COLUMNS
from drift.reports import wording
from drift.reports.changes_page import NAME
from drift.reports.page import STATES, SUBJECTS, environment, facts
from drift.state.state_folder import StateFolder, name_of
from otel.contract.drift_verdict import Score, Verdict

MOST = 168
"""The maximum number of windows in the heat map: a week of hours."""
LISTED = 48
CLOSE = 0.75
"""The share of the threshold from which a cell stands out."""


def write(state: StateFolder, window: timedelta) -> None:
    """Writes the page into the state folder, if it has changed. Raises OSError."""
    verdicts = state.verdicts(most=MOST)
    text = render(verdicts, window, changes=NAME if (state.folder / NAME).exists() else "")
    path = state.folder / "index.html"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        files.write(path, text)


def render(verdicts: Sequence[Verdict], window: timedelta, *, changes: str = "") -> str:
    """Returns the page as HTML; ``verdicts`` are in order of time, and ``changes`` is the page of changes, if any."""
    if not verdicts:
        return environment().get_template("history.html").render(state_words="nothing judged", latest=None)
    last = verdicts[-1]
    words, kind = STATES[last.state]
    by_start = {verdict.start: verdict for verdict in verdicts}
    count = min(MOST, round((last.start - verdicts[0].start) / window) + 1)
    starts = [last.start - window * back for back in range(count - 1, -1, -1)]
    scores = {start: {score.column: score for score in by_start[start].scores} for start in starts if start in by_start}
    return (
        environment()
        .get_template("history.html")
        .render(
            state_words=words,
            state_class=kind,
            text=wording.verdict_text(last, verdicts[:-1]),
            facts=[_when(last.start), *facts(last)],
            latest=_href(last.start),
            changes=changes,
            count=count,
            heat=[
                (
                    subject.value,
                    [
                        {
                            "title": column.title,
                            "help": column.help,
                            "cells": [_cell(start, by_start, scores, column.name, column.title) for start in starts],
                        }
                        for column in COLUMNS
                        if column.subject is subject
                    ],
                )
                for subject in SUBJECTS
            ],
            labels=[_label(start, starts, window) for start in starts],
            windows=[
                _listed(verdicts, place) for place in range(len(verdicts) - 1, max(-1, len(verdicts) - 1 - LISTED), -1)
            ],
        )
    )


def _cell(
    start: datetime,
    verdicts: Mapping[datetime, Verdict],
    scores: Mapping[datetime, Mapping[str, Score]],
    column: str,
    title: str,
) -> dict[str, str]:
    if start not in verdicts:
        return {"level": "", "href": "#", "title": f"{_when(start)}: not judged"}
    score = scores[start].get(column)
    cell = {"href": _href(start), "level": "", "title": f"{title}, {_when(start)}: {STATES[verdicts[start].state][0]}"}
    if score is None or score.ratio is None:
        return {**cell, "title": f"{title}, {_when(start)}: not judged"}
    level = "l4" if score.detected else "l3" if score.over else "l2" if score.ratio >= CLOSE else "l1"
    return {**cell, "level": level, "title": f"{title}, {_when(start)}: {score.ratio:.2f} of the threshold"}


def _listed(verdicts: Sequence[Verdict], place: int) -> dict[str, Any]:
    verdict = verdicts[place]
    words, kind = STATES[verdict.state]
    return {
        "href": _href(verdict.start),
        "when": _when(verdict.start),
        "state": words,
        "state_class": kind,
        "rows": f"{verdict.rows:,}",
        "text": wording.verdict_text(verdict, verdicts[:place]),
    }


def _href(start: datetime) -> str:
    return f"windows/{name_of(start)}/index.html"


def _when(start: datetime) -> str:
    return f"{start.astimezone(UTC):%-d %b %Y, %H:%M}"


def _label(start: datetime, starts: Sequence[datetime], window: timedelta) -> str:
    """Returns a label for the first window of each day, or of each sixth of the windows if they span at most a day."""
    if len(starts) * window > timedelta(days=1):
        return (
            f"{start:%-d %b}" if start.hour == 0 and start - window < start.replace(hour=0, minute=0, second=0) else ""
        )
    return f"{start:%H:%M}" if starts.index(start) % max(1, len(starts) // 6) == 0 else ""
