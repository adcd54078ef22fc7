"""The drift job's folder: real pages are read, files outside are not, and no page can do harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboards.live.screens.drift_page import STATES, score_chart
from dashboards.live.sources import drift_reports
from dashboards.live.sources.drift_reports import SAFE_HEAD, ReportError, Reports, title_of
from dashboards.live.theme import LIGHT
from drift.state import state_folder
from otel.contract.drift_verdict import VerdictState
from tests.drift_job import HOUR, START
from tests.drift_pages import write_pages
from tests.unit.drift.test_page import LATENCY, verdict


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stable = verdict(VerdictState.STABLE)
    drifted = replace(verdict(VerdictState.DRIFT, LATENCY), start=START + HOUR, end=START + 2 * HOUR)
    write_pages(tmp_path / "drift", [stable, drifted], HOUR)
    (tmp_path / "secret.html").write_text("secret")
    return tmp_path / "drift"


def test_names_are_those_of_the_job() -> None:
    assert drift_reports.WINDOW_NAME == state_folder.NAME
    assert set(STATES) <= {str(judgement) for judgement in VerdictState}


def test_windows_are_there_with_their_verdicts_and_pages(folder: Path) -> None:
    reports = Reports(folder)
    newest, oldest = reports.windows()
    assert (reports.verdict(newest).state, reports.verdict(oldest).state) == ("drift", "stable")
    assert "latency" in reports.page(newest).lower()
    assert "<table" in reports.page(None)
    assert title_of(newest) == "24 Nov 2026, 11:00 UTC"
    assert reports.evidently(newest) is None


def test_the_score_that_is_furthest_is_on_top(folder: Path) -> None:
    reports = Reports(folder)
    [bars] = score_chart(reports.verdict(reports.windows()[0]).scores, LIGHT).data
    assert bars.y[0] == "latency"
    assert bars.text[0] == "2.00"
    assert bars.marker.color[0] == LIGHT.bad
    assert bars.marker.color[-1] == LIGHT.good


def test_the_fence_stands_before_all_that_a_page_says(folder: Path) -> None:
    page = folder / "windows" / Reports(folder).windows()[0] / "index.html"
    page.write_text("<script>alert(1)</script><html><head></head>")
    page_text = Reports(folder).page(page.parent.name)
    assert page_text.startswith(SAFE_HEAD)
    assert "default-src 'none'" in SAFE_HEAD
    assert SAFE_HEAD.index("Content-Security-Policy") < page_text.index("<script>")


OUTSIDE = ["../secret.html", "..", "windows/..", "/etc/passwd", "", ".", "2026-11-24T10-00-00Z/../..", "2026-11-24"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_is_not_a_windows_is_refused(folder: Path, name: str) -> None:
    for ask in (Reports(folder).page, Reports(folder).verdict):
        with pytest.raises(ReportError):
            ask(name)
    assert Reports(folder).evidently("2026-11-24T10-00-00Z") is None


def test_a_link_that_leads_out_is_not_followed(folder: Path) -> None:
    window = folder / "windows" / Reports(folder).windows()[0]
    (window / "index.html").unlink()
    (window / "index.html").symlink_to(folder.parent / "secret.html")
    with pytest.raises(ReportError, match="not in the drift job's folder"):
        Reports(folder).page(window.name)
    (folder / "windows" / "2026-11-25T10-00-00Z").symlink_to(folder.parent, target_is_directory=True)
    (folder.parent / "index.html").write_text("secret")
    with pytest.raises(ReportError):
        Reports(folder).page("2026-11-25T10-00-00Z")


def test_missing_broken_and_huge_pages_raise_errors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = Reports(folder)
    newest, oldest = reports.windows()
    (folder / "windows" / newest / "verdict.json").write_text('{"scores": 1}')
    with pytest.raises(ReportError, match="can't be read"):
        reports.verdict(newest)
    (folder / "windows" / newest / "index.html").unlink()
    with pytest.raises(ReportError, match="no longer exists"):
        reports.page(newest)
    monkeypatch.setattr(drift_reports, "MAX_PAGE_BYTES", 10)
    with pytest.raises(ReportError, match="too large"):
        reports.page(oldest)
    assert Reports(folder / "nowhere").windows() == ()
