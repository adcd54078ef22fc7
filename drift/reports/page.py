"""The page of a window: first in words, then columns against their thresholds, then charts; one file, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drift.columns.column import Column, Scale, ValueKind
from drift.columns.columns import BY_NAME
from drift.reports import charts, wording
from drift.reports.column_values import ColumnValues
from otel.contract.drift_verdict import Score, Segment, Subject, Verdict, VerdictState

TEMPLATES = Path(__file__).parent / "templates"
SUBJECTS = {
    Subject.SERVICE: "The service: how requests are answered",
    Subject.AUDIO: "The audio: what is heard",
    Subject.TRAFFIC: "The traffic: what is asked for",
}
STATES = {
    VerdictState.STABLE: ("as usual", "stable"),
    VerdictState.SUSPECTED: ("suspected", "suspected"),
    VerdictState.DRIFT: ("drift", "drift"),
    VerdictState.INSUFFICIENT_DATA: ("too few requests", "other"),
    VerdictState.NO_REFERENCE: ("no reference yet", "other"),
    VerdictState.REFERENCE_INCOMPATIBLE: ("reference of another version", "suspected"),
    VerdictState.REFERENCE_DAMAGED: ("reference damaged", "suspected"),
}
CHARTED = 6
"""The maximum number of columns with a chart: those furthest over their thresholds."""
HISTORY = 48
"""The maximum number of windows in the chart of the past."""


def render(
    verdict: Verdict, previous: Sequence[Verdict], samples: Mapping[str, ColumnValues], *, evidently: bool
) -> str:
    """Returns the page as HTML; ``evidently`` says whether Evidently's report lies beside it."""
    words, kind = STATES[verdict.state]
    shown = _charted(verdict)
    return (
        environment()
        .get_template("window.html")
        .render(
            when=period(verdict),
            state_words=words,
            state_class=kind,
            text=wording.verdict_text(verdict, previous),
            facts=facts(verdict),
            evidently=evidently,
            segments=[_segment(segment) for segment in verdict.segments],
            columns=[
                (SUBJECTS[s], rows) for s in SUBJECTS if (rows := [_row(x) for x in verdict.scores if x.subject is s])
            ],
            charts=[_chart(score, samples[score.column]) for score in shown if score.column in samples],
            history=_history(verdict, previous, shown),
            tests=[
                {"name": test.name, "ok": test.ok, "value": number(test.value), "bound": number(test.bound)}
                for test in verdict.tests
            ],
            problems=[
                {
                    "kind": str(problem.kind).replace("_", " "),
                    "column": title(problem.column),
                    "count": f"{problem.count:,}",
                    "detail": problem.detail,
                }
                for problem in verdict.problems
            ],
        )
    )


@cache
def environment() -> Environment:
    """Returns the templates, which escape all values, such as voices' names."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def period(verdict: Verdict) -> str:
    """Returns the window's period, as "Tuesday, 24 November 2026, 14:00 to 15:00 UTC"."""
    start, end = verdict.start.astimezone(UTC), verdict.end.astimezone(UTC)
    seconds = "" if start.second == end.second == 0 else ":%S"
    return f"{start:%A, %-d %B %Y, %H:%M{seconds}} to {end:%H:%M{seconds}} UTC"


def facts(verdict: Verdict) -> list[str]:
    """Returns the window's requests, columns over their thresholds, failed tests and reference, each as a phrase."""
    over = sum(score.over for score in verdict.scores)
    phrases = [f"{verdict.rows:,} requests", f"{over} of {len(verdict.scores)} columns over their threshold"]
    failed = [test.name for test in verdict.tests if not test.ok]
    if failed:
        phrases.append(f"failed tests: {', '.join(failed)}")
    if verdict.reference:
        phrases.append(f"reference {verdict.reference}")
    if verdict.context.compared_with:
        phrases.append(f"compared with {wording.compared_text(verdict.context.compared_with)}")
    return phrases if verdict.scores else [phrases[0], *phrases[2:]]


def title(column: str | None) -> str:
    """Returns a column's title; a field of the rows keeps its own name."""
    return "all" if column is None else BY_NAME[column].title if column in BY_NAME else column


def number(value: float | None) -> str:
    """Returns three digits of ``value``, "" for None."""
    return "" if value is None else f"{value:.3g}"


def share(score: Score) -> float | None:
    """Returns the score in percent of twice the threshold, as the bar shows it; None if it was not judged."""
    return None if score.ratio is None else round(min(100.0, score.ratio * 50.0), 1)


def _row(score: Score) -> dict[str, Any]:
    column = BY_NAME[score.column]
    return {
        "title": column.title,
        "help": column.help,
        "detected": score.detected,
        "over": score.over,
        "share": share(score),
        "why": "not judged: too few values",
        "score": number(score.value),
        "threshold": number(score.threshold),
        "consecutive": score.consecutive,
        "change": _change(score, column),
    }


def _change(score: Score, column: Column) -> str:
    change = score.change
    if change is None:
        return ""
    if column.kind is ValueKind.CATEGORY:
        text = f"{wording.percent(change.before)}, {wording.percent(change.after)}"
        return f"{text} {change.level}" if change.level else text
    text = f"{wording.quantity(change.before, column.unit)}, {wording.quantity(change.after, column.unit)}"
    times = f" ({wording.ratio(change)} times{' at equal length' if column.equal_length else ''})"
    return text + (times if change.ratio is not None and column.scale is Scale.RATIO else "")


def _segment(segment: Segment) -> dict[str, str]:
    column = BY_NAME[segment.column]
    say = wording.percent if column.kind is ValueKind.CATEGORY else lambda value: wording.quantity(value, column.unit)
    return {
        "title": column.title,
        "where": wording.segment_text(segment),
        "share": wording.percent(min(1.0, segment.share)),
        "weight": wording.percent(segment.weight),
        "before": say(segment.before),
        "after": say(segment.after),
    }


def charted(verdict: Verdict) -> list[str]:
    """Returns the columns that have a chart."""
    return [score.column for score in _charted(verdict)]


def _charted(verdict: Verdict) -> list[Score]:
    """Returns the scores over their thresholds, furthest first; for a quiet window the two closest to them."""
    judged = sorted(
        (score for score in verdict.scores if score.ratio is not None),
        key=lambda score: (-(score.ratio or 0.0), score.column),
    )
    over = [score for score in judged if score.over or score.detected]
    return over[:CHARTED] if over else judged[:2]


def _chart(score: Score, sample: ColumnValues) -> dict[str, Any]:
    column = BY_NAME[score.column]
    if column.kind is ValueKind.CATEGORY:
        return {
            "title": column.title,
            "help": column.help,
            "svg": charts.bars(sample.shares_before, sample.shares_after),
        }
    return {"title": column.title, "help": column.help, "svg": _spread(column, sample)}


def _spread(column: Column, sample: ColumnValues) -> Markup:
    if column.equal_length and column.scale is Scale.RATIO:
        unit, say = "times what is usual for a text of this length", lambda value: f"{10**value:.2g}"
    elif column.equal_length:
        unit, say = f"{column.unit} more than usual for a text of this length", lambda value: f"{value:+.2g}"
    else:
        unit, say = column.unit, lambda value: f"{column.raw(value):.2g}"
    return charts.histograms(sample.before, sample.after, unit=unit, say=say)


def _history(verdict: Verdict, previous: Sequence[Verdict], shown: Sequence[Score]) -> Markup:
    windows = [*previous[-(HISTORY - 1) :], verdict]
    if len(windows) < 2:
        return Markup("")
    series = {
        BY_NAME[score.column].title: [_point(window, score.column, verdict.start) for window in windows]
        for score in shown
    }
    return charts.lines(series, threshold=1.0, unit="windows, UTC")


def _point(window: Verdict, column: str, now: datetime) -> charts.ChartPoint:
    label = wording.moment(window.start, now) if window.start.date() == now.date() else f"{window.start:%-d.%-m. %H:%M}"
    score = next((score for score in window.scores if score.column == column), None)
    if score is None or score.ratio is None:
        return charts.ChartPoint(label, None)
    return charts.ChartPoint(label, score.ratio, f"{title(column)}, {label}: {score.ratio:.2f}")
