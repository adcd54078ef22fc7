"""A drift job's folder with real pages and verdicts, without the hours that a job takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from drift.reports import index, page
from drift.state.state_folder import StateFolder, name_of, write_verdict
from otel.contract.drift_verdict import Verdict


def write_pages(folder: Path, verdicts: Sequence[Verdict], window: timedelta) -> list[str]:
    """Fills the state folder as the job would; the windows' names, oldest first."""
    state = StateFolder.open(folder)
    for number, verdict in enumerate(verdicts):
        kept = state.window(name_of(verdict.start))
        kept.mkdir()
        write_verdict(kept, verdict)
        html = page.render(verdict, verdicts[:number], {}, evidently=False)
        (kept / "index.html").write_text(html, encoding="utf-8")
    index.write(state, window)
    return state.names()
