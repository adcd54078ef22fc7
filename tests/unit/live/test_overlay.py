"""Events and exemplars over a chart: their positions, texts and links, and that labels are never markup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboards.annotations import ALERTS, ANNOTATIONS, DEPLOYS, DRIFT
from dashboards.live.charts import figures, overlay
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.theme import DARK, LIGHT
from dashboards.panel import TIMELINES, Threshold
from tests.unit.live.drawing import BEGIN, UTC, native, panel, series

HOSTILE = "<img src=x onerror=alert(1)>"
VALUES = (0.5,) * 49
"""Over eight minutes."""
ALERT = AnnotationEvent(ALERTS, "TtsCpuHigh", "warning", BEGIN + 60, BEGIN + 120, begun_before=False)
DEPLOY = AnnotationEvent(DEPLOYS, "0.2", "build b7", BEGIN + 300, BEGIN + 600, begun_before=False)
DOT = Exemplar("a" * 32, BEGIN + 90, 0.7, {"__name__": "x_bucket", "le": "1", "voice_name": "joe", "instance": "i"})


def drawn(
    kind: str = "lines", events: tuple[AnnotationEvent, ...] = (), dots: tuple[Exemplar, ...] = ()
) -> figures.go.Figure:
    entry = series("p95", *VALUES, le="1")
    return figures.draw(panel(kind), [entry], LIGHT, UTC, events=events, exemplars=dots, period="15 min")  # type: ignore[arg-type]


def signs(figure: figures.go.Figure) -> list[figures.go.layout.Annotation]:
    return [sign for sign in figure.layout.annotations if sign.hovertext]


def after(figure: figures.go.Figure, moment: object) -> float:
    """Seconds from the chart's begin."""
    return (moment - figure.layout.xaxis.range[0]).total_seconds()  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize("kind", sorted(TIMELINES))
def test_every_chart_over_time_has_a_line_and_a_marker_for_each_event(kind: str) -> None:
    figure = drawn(kind, (ALERT, DEPLOY))
    lines = [shape for shape in figure.layout.shapes if shape.type == "line" and shape.yref == "paper"]
    assert [after(figure, line.x0) for line in lines] == [60, 300]
    assert [sign.hovertext for sign in signs(figure)] == [
        "Alerts, 15 Jan 08:01: TtsCpuHigh, warning",
        "Deploys, 15 Jan 08:05: 0.2, build b7",
    ]
    assert figure.to_json()


def test_only_a_chart_over_time_has_events() -> None:
    assert not drawn("bars", (ALERT,)).layout.annotations


def test_only_lasting_events_are_shaded() -> None:
    figure = drawn(events=(ALERT, DEPLOY))
    [shade] = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (after(figure, shade.x0), after(figure, shade.x1)) == (60, 120)
    assert shade.fillcolor == LIGHT.bad


def test_an_event_from_before_the_chart_has_no_line_and_says_so() -> None:
    figure = drawn(events=(replace(ALERT, begin=BEGIN - 600, end=BEGIN + 6000, begun_before=True),))
    [shade] = figure.layout.shapes
    assert (shade.type, after(figure, shade.x0), after(figure, shade.x1)) == ("rect", 0, 480)
    [head] = signs(figure)
    assert "since before" in head.hovertext
    assert after(figure, head.x) == 0


def test_past_and_future_events_are_not_drawn() -> None:
    over, to_come = replace(ALERT, begin=BEGIN - 60, end=BEGIN - 1), replace(ALERT, begin=BEGIN + 481)
    figure = drawn(events=(over, to_come))
    assert not figure.layout.shapes
    assert not signs(figure)


def test_events_that_begin_together_share_a_marker_with_all_texts() -> None:
    drift = AnnotationEvent(DRIFT, "drift", "latency", ALERT.begin + 5, ALERT.end, begun_before=False)
    [head] = signs(drawn(events=(ALERT, drift)))
    assert head.hovertext.split("<br>") == [
        "Alerts, 15 Jan 08:01: TtsCpuHigh, warning",
        "Drift, 15 Jan 08:01: drift, latency",
    ]
    many = tuple(replace(ALERT, title=f"Tts{number}") for number in range(30))
    [head] = signs(drawn(events=many))
    assert head.hovertext.endswith("and 22 more")


def test_each_annotation_has_a_colour_in_both_themes() -> None:
    for theme in (LIGHT, DARK):
        events = [
            replace(ALERT, annotation=annotation, begin=BEGIN + 30 * n) for n, annotation in enumerate(ANNOTATIONS)
        ]
        figure = figures.draw(panel("lines"), [series("p95", *VALUES)], theme, UTC, events=events)
        assert len({sign.font.color for sign in signs(figure)}) == len(ANNOTATIONS)


def test_an_exemplar_is_a_dot_at_its_value_that_links_to_its_trace() -> None:
    figure = drawn(dots=(DOT,))
    [dot] = signs(figure)
    assert (after(figure, dot.x), dot.y, dot.yref) == (90, 0.7, "y")
    assert f"href='requests?trace={DOT.trace_id}&period=15+min'" in dot.text
    assert overlay.EXEMPLAR_SIGN in dot.text
    assert dot.hovertext.split("<br>") == ["700 ms, 15 Jan 08:01:30", "joe", "Click to open its trace"]


def test_an_exemplar_on_a_heatmap_is_in_the_row_of_its_value() -> None:
    dots = (DOT, replace(DOT, value=1.0), replace(DOT, value=1.01), replace(DOT, value=1000.0))
    entry = replace(native({0: 3, 2: 1}), times=(BEGIN, BEGIN + 480))
    figure = figures.draw(panel("heatmap"), [entry], LIGHT, UTC, exemplars=dots)
    rows = list(figure.data[0].y)
    places = [(dot.y, overlay.HIGH_EXEMPLAR_SIGN in dot.text) for dot in signs(figure)]
    assert rows[1:3] == ["≤ 1 s", "≤ 1.04 s"]
    assert places == [(0, False), (1, False), (2, False), (len(rows) - 0.5, True)]


def test_the_axis_includes_a_near_exemplar_and_a_far_one_is_at_its_edge() -> None:
    near, far = replace(DOT, value=0.79), replace(DOT, value=40.0, time=BEGIN + 300)
    figure = drawn(dots=(near, far))
    top = figure.layout.yaxis.range[1]
    assert near.value < top < 1
    below, beyond = signs(figure)
    assert below.y == near.value
    assert (beyond.y, overlay.HIGH_EXEMPLAR_SIGN in beyond.text) == (top, True)
    assert "40 s" in beyond.hovertext


def test_an_empty_chart_has_no_annotations_and_thresholds_stay() -> None:
    figure = figures.draw(panel("lines"), [], LIGHT, UTC, events=[ALERT], exemplars=[DOT])
    assert not figure.layout.shapes
    limited = panel("lines", thresholds=(Threshold(0.6, "warning"),))
    figure = figures.draw(limited, [series("p95", *VALUES)], LIGHT, UTC, events=[DEPLOY])
    assert {shape.type for shape in figure.layout.shapes} == {"line"}
    assert len(figure.layout.shapes) == 2


def test_labels_are_escaped() -> None:
    mark = replace(ALERT, title=HOSTILE, text=HOSTILE)
    figure = drawn(events=(mark,), dots=(replace(DOT, labels={"voice_name": HOSTILE}),))
    for sign in signs(figure):
        assert "<img" not in sign.hovertext
        assert "&lt;img" in sign.hovertext
