"""MLflow's page in a real browser: it loads from this machine alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from drift.outputs.mlflow_runs import MlflowRun, MlflowRuns
from stack.services import mlflow
from stack.supervisor import Supervisor
from tests.stack import settings_in

READY_SECONDS = 120.0
EXPERIMENT = "ttscope-drift"
WINDOW = "2026-01-01T00-00-00Z"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of the real server, and the id of its one run."""
    settings = settings_in(tmp_path)
    supervisor = Supervisor(tmp_path / "logs")
    try:
        supervisor.start([mlflow(settings)])
        supervisor.wait_until_ready(READY_SECONDS)
        url = settings.url(settings.mlflow_port)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        end = start + timedelta(hours=1)
        run = MlflowRun(WINDOW, start, end, {}, {"rows": 1.0}, {}, (), "Nothing changed.")
        yield url, MlflowRuns(url, EXPERIMENT, tmp_path / "artifacts").keep(run)
    finally:
        supervisor.stop(*supervisor.names)


@pytest.mark.timeout(600)
def test_its_pages_ask_nobody_else(server: tuple[str, str], browser: Browser) -> None:
    url, run = server
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/#/experiments")
    expect(page.get_by_text(EXPERIMENT).first).to_be_visible()
    page.goto(f"{url}/#/experiments/1/runs/{run}")
    expect(page.get_by_text(WINDOW).first).to_be_visible()
    page.close()
    foreign = [address for address in asked if not address.startswith((url, "data:", "blob:"))]
    assert (foreign, len(asked) > 10) == ([], True)
