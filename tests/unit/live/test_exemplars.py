"""The exemplars of a panel: only those of the histograms whose quantiles or distributions it shows."""

from __future__ import annotations

import pytest

from dashboards.boards import BOARDS
from dashboards.boards.service import LATENCY, LATENCY_DISTRIBUTION
from dashboards.boards.words import WORDS_DISTRIBUTION, WORDS_P95
from dashboards.live.period import Window
from dashboards.live.sources import exemplars
from dashboards.live.sources.exemplars import COLUMNS, SELECTOR, Exemplar, selectors
from dashboards.panel import Panel, Query, Unit
from otel.contract.ranges import WORDS

WINDOW = Window(1_800_000_000, 1_800_000_000 + 10 * COLUMNS, 10)
LABELS = {
    "__name__": "tts_word_count_duration_seconds",
    "job": "ttscope",
    "instance": "a",
    "voice_name": "joe",
    "word_count_range": "200+",
    "cache": "miss",
}


def asking(promql: str, kind: str = "lines") -> Panel:
    return Panel("a", "A", "B.", kind, Unit.SECONDS, (Query(promql),))  # type: ignore[arg-type]


def takes(panel: Panel, labels: dict[str, str], **variables: str) -> bool:
    return any(selector.takes(labels) for selector in selectors(panel, WINDOW, variables))


def at(seconds: float, value: float, trace: int = 1, **labels: str) -> Exemplar:
    return Exemplar(f"{trace:032x}", WINDOW.start + seconds, value, {**LABELS, **labels})


def test_the_panel_of_ranges_selects_synthesized_requests_within_a_range() -> None:
    assert len(selectors(WORDS_P95, WINDOW, {})) == len(WORDS.labels) - 1
    assert takes(WORDS_P95, LABELS)
    assert not takes(WORDS_P95, {**LABELS, "cache": "hit"})
    assert not takes(WORDS_P95, {**LABELS, "word_count_range": "0"})
    assert not takes(WORDS_P95, {**LABELS, "__name__": "tts_request_duration_seconds"})


def test_a_heatmap_has_the_exemplars_of_its_histogram() -> None:
    assert takes(WORDS_DISTRIBUTION, LABELS)
    assert not takes(WORDS_DISTRIBUTION, {**LABELS, "cache": "hit"})
    assert takes(LATENCY_DISTRIBUTION, {**LABELS, "__name__": "tts_request_duration_seconds"}, voice="joe")


def test_the_buckets_of_a_classic_histogram_have_exemplars_too() -> None:
    labels = {**LABELS, "__name__": "x_bucket", "le": "5"}
    assert takes(asking('histogram_quantile(0.9, sum by (le) (rate(x_bucket{voice_name="joe"}[5m])))'), labels)
    assert takes(asking('sum by (le) (rate(x_bucket{cache="miss"}[5m]))', kind="heatmap"), labels)


def test_variables_narrow_the_selectors() -> None:
    assert takes(WORDS_P95, LABELS, voice="amy|joe")
    assert not takes(WORDS_P95, LABELS, voice="amy|jo")


@pytest.mark.parametrize(
    ("matchers", "is_selected"),
    [
        ('cache="miss"', True),
        ('cache!="miss"', False),
        ('cache=~".*", le!~"1|2"', True),
        ('cache!~".*"', False),
        ('cache=~"hit|miss"', True),
        ('cache!~"hit|miss"', False),
        ('cache=~"mis"', False),  # a pattern is of the whole value
        ('nowhere=""', True),
        ('nowhere=~"a|"', True),
        ('word_count_range=~"11-25|200\\\\+"', True),
        ('voice_name="}\\""', False),
        ('instance=~"a|\\\\|"', True),
        ('instance=~"a\\\\|"', False),
        ('voice_name=~"jo."', False),  # what is more than words is not tried, whatever Prometheus would say
        ('voice_name=~"\\\\w+"', False),
        ('voice_name!~"(a+)+b"', False),
    ],
)
def test_matchers_choose_as_prometheus_does(matchers: str, is_selected: bool) -> None:
    promql = f"histogram_quantile(0.9, sum by (le) (rate({LABELS['__name__']}{{{matchers}}}[5m])))"
    assert takes(asking(promql), LABELS) is is_selected


def test_panels_of_something_else_than_quantiles_have_none() -> None:
    share = 'sum (rate(x_bucket{le="1"}[5m]))'
    count = (
        'histogram_quantile(0.9, 1) and rate(x_count{a="b"}[5m]) + rate(x_sum{a="b"}[5m]) + rate(x_total{a="b"}[5m])'
    )
    assert selectors(asking(count), WINDOW, {}) == ()
    assert selectors(asking(share), WINDOW, {}) == ()
    assert selectors(asking(f"histogram_quantile(0.9, {share})", kind="stat"), WINDOW, {}) == ()
    assert selectors(asking(f"histogram_quantile(0.9, {share})"), WINDOW, {})


def test_one_query_names_each_series_once() -> None:
    panels = [panel for board in BOARDS for panel in board.panels]
    every_selector = [selector for panel in panels for selector in selectors(panel, WINDOW, {})]
    query = exemplars.exemplar_query(every_selector)
    names = [match[0] for match in SELECTOR.finditer(query)]
    assert len(names) == len({*names}) > 5
    assert {selector.promql for selector in every_selector} == {*names}
    assert selectors(LATENCY, WINDOW, {})[0].promql in names


def test_the_slowest_exemplar_of_each_column_is_shown_in_order() -> None:
    recorded = [
        (at(25, 0.1, 1), at(5, 1.0, 2)),
        (at(6, 3.0, 3), at(7, 2.0, 4)),
        (at(8, 9.0, 5, cache="hit"),),
        (),
    ]
    slowest = exemplars.slowest_in_columns(recorded, selectors(WORDS_P95, WINDOW, {}), WINDOW)
    assert [(e.trace_id[-1], e.value) for e in slowest] == [("3", 3.0), ("1", 0.1)]


def test_what_lies_outside_the_time_is_not_shown() -> None:
    queried = selectors(WORDS_P95, WINDOW, {})
    assert exemplars.slowest_in_columns([(at(-0.1, 1.0), at(WINDOW.seconds, 1.0))], queried, WINDOW) == ()
