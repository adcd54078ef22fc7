"""Figures of every kind of panel: series with values, with gaps and without values, and hostile labels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dashboards.live.charts import distribution, figures
from dashboards.live.screens import panel_view
from dashboards.live.sources.prometheus import Series
from dashboards.live.theme import DARK, LIGHT
from dashboards.panel import Threshold, Unit
from tests.unit.live.drawing import UTC, native, panel, series

NAN = math.nan
HOSTILE = "<img src=x onerror=alert(1)>"


def draw_panel(kind: str, *entries: Series, unit: Unit = Unit.SECONDS, **fields: object) -> figures.go.Figure:
    return figures.draw(panel(kind, unit, **fields), entries, LIGHT, UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(figures.DRAWERS))
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_every_kind_draws_something_nothing_and_gaps(kind: str, theme: object) -> None:
    for entries in ((), (series("a", NAN, NAN),), (series("a", 0.1, NAN, 0.3, le="0.5"), series("b", 1, 2, 3, le="1"))):
        figure = figures.draw(panel(kind), entries, theme, UTC)  # type: ignore[arg-type]
        assert figure.to_json()


def test_lines_break_where_there_is_nothing() -> None:
    [line] = draw_panel("lines", series("p95", 0.1, NAN, 0.3)).data
    assert list(line.y) == [0.1, None, 0.3]
    assert not line.connectgaps
    assert list(line.customdata) == ["100 ms", "-", "300 ms"]


def test_a_single_point_is_a_marker() -> None:
    [line] = draw_panel("lines", series("p95", NAN, 0.2, NAN)).data
    assert line.mode == "markers"


def test_only_the_highest_lines_are_drawn() -> None:
    figure = draw_panel("lines", *(series(f"s{number}", float(number)) for number in range(30)))
    assert [line.name for line in figure.data] == [f"s{number}" for number in range(29, 17, -1)]


def test_the_time_axis_covers_the_queried_range() -> None:
    figure = draw_panel("lines", series("p95", NAN, NAN, 0.2, NAN))
    first, last = figure.layout.xaxis.range
    assert (last - first).total_seconds() == 30


def test_stacked_leaves_out_series_that_are_always_zero() -> None:
    figure = draw_panel("stacked", series("ok", 1, 2, NAN), series("error", 0, 0, 0), unit=Unit.REQUESTS_PER_SECOND)
    [area] = figure.data
    assert (area.name, list(area.y)) == ("ok", [1, 2, 0])
    assert area.line.color == LIGHT.good


def test_the_axis_of_stacked_reaches_to_the_sum() -> None:
    figure = draw_panel("stacked", series("a", 1, 2), series("b", 1, 5), unit=Unit.NUMBER)
    assert figure.layout.yaxis.range[1] >= 7


def test_bars_are_in_the_order_of_their_values_and_ranges_in_their_own() -> None:
    [bars] = draw_panel("bars", series("a", 1), series("b", 3), series("c", NAN)).data
    assert list(bars.y) == ["b", "a"]
    assert list(bars.text) == ["3 s", "1 s"]
    [ranges] = draw_panel("bars", series("1-10", 1), series("11-25", 3), series("200+", 2)).data
    assert list(ranges.y) == ["1-10", "11-25", "200+"]


def test_a_heatmap_of_a_classic_histogram_shows_what_lies_within_each_bucket() -> None:
    figure = draw_panel(
        "heatmap", series("1", 5, 5, le="1"), series("0.5", 2, 5, le="0.5"), series("+Inf", 6, 5, le="+Inf")
    )
    [cells] = figure.data
    assert list(cells.y) == ["≤ 500 ms", "≤ 1 s", "> 1 s"]
    assert [list(row) for row in cells.z] == [[2, 5], [3, None], [1, None]]
    assert cells.customdata[1][0] == "3/s"
    assert figure.to_json()


def test_a_bucket_that_shrinks_below_the_one_before_is_empty_and_not_negative() -> None:
    [cells] = draw_panel("heatmap", series("1", 1.9, le="1"), series("0.5", 2, le="0.5")).data
    assert [list(row) for row in cells.z] == [[2], [None]]


def test_a_heatmap_of_a_native_histogram_has_rows_of_its_buckets_and_an_empty_one_at_both_ends() -> None:
    figure = draw_panel("heatmap", native({16: 2, 18: 1}, {}, {17: 0.5}))
    [cells] = figure.data
    assert list(cells.y) == ["≤ 1.92 s", "≤ 2 s", "≤ 2.09 s", "≤ 2.18 s", "≤ 2.28 s"]
    assert [list(row) for row in cells.z] == [
        [None] * 3,
        [2, None, None],
        [None, None, 0.5],
        [1, None, None],
        [None] * 3,
    ]
    assert cells.customdata[2][2] == "0.5/s"
    assert figure.to_json()


def test_a_wide_native_histogram_is_shown_in_fewer_rows_that_lose_nothing() -> None:
    counts = {index: float(index + 200) for index in range(-107, 95)}  # 10 ms to a minute
    figure = draw_panel("heatmap", native(counts), native(counts))
    [cells] = figure.data
    assert 20 < len(cells.y) <= distribution.MAX_ROWS + 2
    assert sum(value or 0 for row in cells.z for value in row) == 2 * sum(counts.values())
    [row] = [row for row, name in zip(cells.z, cells.y, strict=True) if name == "≤ 1 s"]
    assert row[0] == 2 * sum(counts[index] for index in range(-7, 1))  # eight buckets end at 1 s


def test_the_zeros_of_a_native_histogram_are_a_row_of_their_own() -> None:
    entry = replace(native({0: 3}), histograms=({(-1e-128, 1e-128): 5.0, (2 ** (-1 / 16), 1.0): 3.0},))
    [cells] = draw_panel("heatmap", entry).data
    assert [list(row) for row in cells.z] == [[5], [None], [3], [None]]
    [zeros] = draw_panel("heatmap", replace(entry, histograms=({(-1e-128, 1e-128): 5.0},))).data
    assert [list(row) for row in zeros.z] == [[5]]


def test_a_histogram_with_bounds_of_its_own_has_a_row_for_each_bucket() -> None:
    buckets = {(-math.inf, 0.05): 1.0, (0.05, 0.1): 2.0, (0.1, 0.25): 4.0, (10.0, math.inf): 0.5}
    figure = draw_panel("heatmap", replace(native({0: 7.5}), histograms=(buckets,)))
    assert list(figure.data[0].y) == ["≤ 50 ms", "≤ 100 ms", "≤ 250 ms", "> 250 ms"]
    assert [list(row) for row in figure.data[0].z] == [[1], [2], [4], [0.5]]
    assert figure.to_json()


def test_a_grid_has_a_row_for_each_range() -> None:
    [cells] = draw_panel("grid", series("1-10", 0.1, 0.2), series("11-25", NAN, 0.4)).data
    assert list(cells.y) == ["1-10", "11-25"]
    assert cells.customdata[1][1] == "400 ms"


@pytest.mark.parametrize(
    ("thresholds", "bad"),
    [
        ((Threshold(1, "critical", below=True),), [1.0, 0.0]),
        ((Threshold(1, "warning"),), [0.0, 1.0]),
        ((), [1.0, 0.0]),
    ],
)
def test_states_say_what_their_thresholds_call_bad(thresholds: tuple[Threshold, ...], bad: list[float]) -> None:
    [cells] = draw_panel("states", series("coqui", 0, 1), unit=Unit.STATE, thresholds=thresholds).data
    assert list(cells.z[0]) == bad
    assert "not ok" in cells.customdata[0][bad.index(1.0)]


def test_a_threshold_within_reach_is_a_line_and_one_far_above_is_named() -> None:
    near = draw_panel("lines", series("p95", 8), thresholds=(Threshold(10, "critical"),))
    assert [line.y0 for line in near.layout.shapes] == [10]
    assert near.layout.yaxis.range[1] > 10
    far = draw_panel("lines", series("p95", 0.2), thresholds=(Threshold(10, "critical"),))
    assert not far.layout.shapes
    assert far.layout.annotations[0].text == "↑ critical at 10 s"
    assert far.layout.yaxis.range[1] < 1


def test_a_label_is_text_and_never_markup() -> None:
    for kind in ("lines", "stacked", "bars", "grid", "states"):
        assert HOSTILE not in draw_panel(kind, series(HOSTILE, 1)).to_json().replace("\\u003c", "<")


def test_the_most_severe_crossed_threshold_is_shown() -> None:
    limits = (Threshold(0.995, "warning", below=True), Threshold(0.95, "critical", below=True))
    assert panel_view.crossed_threshold(limits, 0.999) is None
    assert panel_view.crossed_threshold(limits, 0.97) == limits[0]
    assert panel_view.crossed_threshold(limits, 0.5) == limits[1]
    assert panel_view.crossed_threshold(limits, NAN) is None
    assert panel_view.crossed_threshold((Threshold(10, "critical"),), 10) is not None


def test_a_table_is_not_a_chart() -> None:
    with pytest.raises(ValueError, match="table is not a chart"):
        figures.draw(panel("table"), (), LIGHT, UTC)
