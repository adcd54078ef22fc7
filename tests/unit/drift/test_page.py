"""What a person reads: the verdict in words, the window's page, the index; whatever a name may hold."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from drift.columns.column import ValueKind
from drift.columns.columns import BY_NAME, COLUMNS
from drift.reports import charts, index, page, wording
from drift.reports.column_values import ColumnValues
from otel.contract.drift_verdict import Change, Context, Score, Segment, Subject, Verdict, VerdictState
from tests.drift_job import HOUR, START

HOSTILE = "</style><script>alert('x')</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"


def score(
    column: str, *, over: bool = False, windows: int = 0, change: Change | None = None, value: float = 0.1
) -> Score:
    return Score(
        column=column,
        subject=BY_NAME[column].subject,
        value=0.4 if over else value,
        threshold=0.2,
        over=over,
        consecutive=windows if over else 0,
        detected=over and windows >= 2,
        since=START - (windows - 1) * HOUR if over else None,
        method="wasserstein",
        size=1000,
        missing_share=0.0,
        change=change,
    )


def verdict(
    state: VerdictState, *over: Score, segments: tuple[Segment, ...] = (), context: Context | None = None
) -> Verdict:
    others = tuple(score(column.name) for column in COLUMNS if column.name not in {s.column for s in over})
    judged = state in (VerdictState.STABLE, VerdictState.SUSPECTED, VerdictState.DRIFT)
    return Verdict(
        START,
        START + HOUR,
        state,
        1000,
        "r",
        scores=(*over, *others) if judged else (),
        segments=segments,
        context=context or Context(),
    )


LATENCY = score("latency", over=True, windows=2, change=Change(0.4, 0.6, 1.5))
LONGER = score("words", over=True, windows=2, change=Change(20, 30, 1.5))
JOE = Segment("latency", (("voice", "joe"), ("word_range", "26-50")), 0.96, 0.2, 200, 0.4, 0.9)
SLOW = verdict(VerdictState.DRIFT, LATENCY, segments=(JOE,))
STABLE = verdict(VerdictState.STABLE)


def test_a_slower_service_is_said_with_since_when_how_much_and_where() -> None:
    assert wording.verdict_text(SLOW, []) == (
        "Since 09:00 speech takes 1.5 times as long as usual for the same text. "
        "96 % of that is voice joe, 26-50 words. Traffic is as usual."
    )


def test_longer_texts_are_a_change_of_traffic() -> None:
    assert wording.verdict_text(verdict(VerdictState.DRIFT, LONGER), []) == (
        "Since 09:00 texts are 1.5 times as long as usual (30 words instead of 20). "
        "This is a change of traffic: the service is as usual, at equal length nothing is slower."
    )


def test_both_are_said_apart() -> None:
    said = wording.verdict_text(verdict(VerdictState.DRIFT, LONGER, LATENCY), [])
    assert said.index("speech takes 1.5 times") < said.index("texts are 1.5 times")
    assert "as usual." not in said


def test_failures_come_first_and_the_rest_is_counted() -> None:
    over = [
        score(name, over=True, windows=2, change=Change(0.01, 0.2, 20.0))
        for name in ("latency", "time_to_first_audio", "real_time_factor", "queue_wait", "errors")
    ]
    said = wording.verdict_text(verdict(VerdictState.DRIFT, *over), [])
    assert said.startswith("Since 09:00 20 % of requests fail instead of 1 %.")
    assert "2 other columns of this kind have drifted too." in said


def test_since_another_day_has_its_date() -> None:
    old = replace(LATENCY, since=START - timedelta(days=1))
    assert wording.verdict_text(verdict(VerdictState.DRIFT, old), []).startswith("Since 23 November, 10:00 speech")


@pytest.mark.parametrize("state", list(VerdictState))
def test_every_state_has_words_and_a_page(state: VerdictState) -> None:
    found = verdict(state, *([LATENCY] if state in (VerdictState.SUSPECTED, VerdictState.DRIFT) else []))
    assert wording.verdict_text(found, []).endswith(".")
    shown = page.render(found, [STABLE], {}, evidently=False)
    assert page.STATES[state][0] in shown
    assert "evidently.html" not in shown


@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_every_column_has_words(column: str) -> None:
    level = "joe" if BY_NAME[column].kind is ValueKind.CATEGORY and BY_NAME[column].sound is None else None
    said = wording.change_text(score(column, over=True, windows=2, change=Change(0.2, 0.5, 2.5, level)))
    assert not re.search(r"[{}]|None|\?", said)
    assert wording.change_text(score(column, over=True, windows=2, change=Change(0.0, 0.5, None, level)))


def test_the_end_of_drift_is_said_even_after_hours_of_silence() -> None:
    quiet = verdict(VerdictState.INSUFFICIENT_DATA)
    assert "nothing says that this is over" in wording.verdict_text(quiet, [SLOW])
    assert wording.verdict_text(STABLE, [SLOW, quiet]) == "Everything is as usual again: latency had drifted."


NEWS = {
    "begins": (SLOW, [STABLE]),
    "begins with the first window": (SLOW, []),
    "changes": (verdict(VerdictState.DRIFT, LATENCY, LONGER), [SLOW]),
    "ends": (STABLE, [SLOW]),
    "ends after silence": (STABLE, [SLOW, verdict(VerdictState.INSUFFICIENT_DATA)]),
}
OLD_NEWS = {
    "still": (SLOW, [SLOW]),
    "still nothing": (STABLE, [STABLE]),
    "suspected": (verdict(VerdictState.SUSPECTED, score("latency", over=True, windows=1)), [STABLE]),
    "silence": (verdict(VerdictState.INSUFFICIENT_DATA), [SLOW]),
    "no reference": (verdict(VerdictState.NO_REFERENCE), []),
}


@pytest.mark.parametrize(("name", "case"), NEWS.items(), ids=NEWS)
def test_news_are_changes_of_what_has_drifted(name: str, case: tuple[Verdict, list[Verdict]]) -> None:
    assert wording.transition(*case) == name.split(maxsplit=1)[0]


@pytest.mark.parametrize("case", OLD_NEWS.values(), ids=OLD_NEWS)
def test_what_goes_on_is_no_news(case: tuple[Verdict, list[Verdict]]) -> None:
    assert wording.transition(*case) is None


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def hostile_pages() -> list[str]:
    bad = replace(JOE, by=(("voice", HOSTILE), ("build", HOSTILE)))
    voices = score("voice", over=True, windows=2, change=Change(0.1, 0.4, 4.0, HOSTILE))
    found = verdict(VerdictState.DRIFT, LATENCY, voices, segments=(bad,), context=Context((HOSTILE,), (HOSTILE,)))
    samples = {
        "voice": ColumnValues(shares_before={HOSTILE: 1.0}, shares_after={HOSTILE: 0.5, "joe": 0.5}),
        "latency": ColumnValues((0.0, 0.1, 0.2), (0.3, 0.2, 0.1)),
    }
    return [page.render(found, [STABLE, SLOW], samples, evidently=True), index.render([STABLE, found], HOUR)]


@pytest.mark.parametrize("shown", hostile_pages(), ids=["window", "index"])
def test_a_hostile_name_is_shown_and_does_nothing(shown: str) -> None:
    tags = Tags(shown).found
    assert not {"script", "img", "iframe", "object", "link"} & {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;" in shown
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\d+)", shown)


@pytest.mark.parametrize("shown", hostile_pages(), ids=["window", "index"])
def test_a_page_needs_no_network_and_knows_dark_and_light(shown: str) -> None:
    links = [
        value or ""
        for _, attributes in Tags(shown).found
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert links
    assert not [link for link in links if "//" in link]
    assert "prefers-color-scheme: dark" in shown
    assert "default-src 'none'" in shown


def test_charts_bear_what_there_is() -> None:
    assert charts.histograms([], [1.0], unit="", say=str) == ""
    assert "<svg" in charts.histograms([1.0], [1.0], unit="s", say=str)
    assert charts.bars({}, {}) == ""
    gaps = [charts.ChartPoint("a", 1.0), charts.ChartPoint("b", None), charts.ChartPoint("c", 3.0)]
    assert charts.lines({"x": gaps}, threshold=1.0, unit="").count("<polyline") == 2
    assert charts.lines({}, threshold=1.0, unit="") == ""


@pytest.mark.parametrize(
    ("value", "above"), [(0, 1), (0.03, 0.05), (1.0, 1.0), (1.01, 2), (2.4, 2.5), (99, 100), (float("inf"), 1)]
)
def test_axes_end_at_numbers_that_read_well(value: float, above: float) -> None:
    assert charts.nice(value) == pytest.approx(above)


def test_the_index_has_a_cell_for_every_column_and_window_and_gaps_for_what_is_missing() -> None:
    later = replace(SLOW, start=START + 3 * HOUR, end=START + 4 * HOUR)
    shown = index.render([STABLE, later], HOUR)
    cells = [
        attributes
        for tag, attributes in Tags(shown).found
        if tag == "td" and attributes.get("class") in ("", "l1", "l4")
    ]
    assert len(cells) == 4 * len(COLUMNS)
    assert sum(cell["class"] == "l4" for cell in cells) == 1
    assert sum(cell["class"] == "" for cell in cells) == 2 * len(COLUMNS)


def test_an_index_without_windows_says_so() -> None:
    assert "No window has been judged yet." in index.render([], HOUR)


def test_subjects_all_have_a_heading() -> None:
    assert set(page.SUBJECTS) == set(Subject)
    assert set(page.STATES) == set(VerdictState)
