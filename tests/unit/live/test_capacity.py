"""The page on capacity: panels of the boards, and the forecast of the servers that are needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.capacity_file import write
from dashboards.boards import BOARDS
from dashboards.live.screens.capacity import CAPACITY, answer, count_row, origin, servers_chart
from dashboards.live.screens.overview import OVERVIEW
from dashboards.live.site import BOARD_PAGES, ICONS, path_of
from dashboards.live.sources.drift_reports import CAPACITY as FILE
from dashboards.live.sources.drift_reports import ReportError, Reports
from dashboards.live.theme import LIGHT
from otel.contract.capacity_forecast import CapacityForecast, ProviderLoss, ServerCount

FEW = ServerCount(1, 1.0, None, None, None, 0.4, enough=False)
SLOW = ServerCount(2, 0.9, 0.2, 0.5, 3.0, 0.0, enough=False)
GOOD = ServerCount(3, 0.6, 0.1, 0.25, 2.0, 0.0, enough=True)
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
FORECAST = CapacityForecast(NOW, NOW, 10.0, 1200, 1, 4.0, 0.3, 0.12, 3, 4, (FEW, SLOW, GOOD))
LOST = replace(FORECAST, loss=ProviderLoss("onnx", 7, GOOD, SLOW))


def test_every_panel_is_that_of_another_board() -> None:
    others = {panel.name: panel.queries for board in (OVERVIEW, *BOARDS) for panel in board.panels}
    assert [panel.name for panel in CAPACITY.panels if others.get(panel.name) != panel.queries] == []


def test_every_board_has_a_page_of_its_own() -> None:
    assert {*BOARDS, OVERVIEW, CAPACITY} == {*BOARD_PAGES}
    assert len({path_of(board) for board in BOARD_PAGES}) == len(BOARD_PAGES)
    assert {board.uid for board in BOARD_PAGES} == ICONS.keys()


@pytest.mark.parametrize("forecast", [FORECAST, LOST])
def test_the_forecast_is_read_as_it_was_written(tmp_path: Path, forecast: CapacityForecast) -> None:
    assert Reports(tmp_path).capacity() is None
    write(forecast, tmp_path / FILE)
    assert Reports(tmp_path).capacity() == forecast
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_that_is_no_forecast_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"made": 1}')
    with pytest.raises(ReportError, match="can't be read"):
        Reports(tmp_path).capacity()


def test_the_answer_is_a_sentence() -> None:
    assert answer(FORECAST) == (
        "**3** servers take 4 times the recorded traffic with a p95 of first audio of at most 0.3 s; with room for the "
        "forecast's error of 12%: **4**."
    )
    no_room = answer(replace(FORECAST, least_with_error=None))
    assert no_room.endswith("No number leaves room for the forecast's error of 12%.")
    assert answer(replace(FORECAST, least=None)).startswith("No number of servers is enough for 4 times")
    assert origin(FORECAST).startswith("Made 24 Nov 2026, 10:00 UTC from 1,200 requests to 1 server in 10 minutes")


def test_numbers_of_servers_are_bars_with_the_target_as_a_line() -> None:
    figure = servers_chart(FORECAST, LIGHT)
    [bars] = figure.data
    assert list(bars.x) == ["2", "3"]
    assert list(bars.y) == [0.5, 0.25]
    assert list(bars.marker.color) == [LIGHT.bad, LIGHT.good]
    [line] = figure.layout.shapes
    assert line.y0 == line.y1 == 0.3
    assert figure.layout.yaxis.range[1] > 0.5


def test_a_row_has_a_dash_where_nobody_was_answered() -> None:
    assert count_row(FEW)["First audio p95"] == "-"
    assert count_row(GOOD) == {
        "Servers": 3,
        "Engines used": "60 %",
        "First audio p50": "100 ms",
        "First audio p95": "250 ms",
        "Total p95": "2 s",
        "Refused": "0 %",
        "Enough": "yes",
    }
