"""The report of usage: a page, and a table as CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drift.accounts.forecast import Forecast
from drift.accounts.usage import UsageGroup, UsageReport, WeeklyChange
from drift.reports import charts
from drift.reports.page import environment
from drift.reports.tables import Cell, count, csv_text, hours, share

TITLES = {
    "client": "By client",
    "tenant": "By tenant",
    "voice": "By voice",
    "language": "By language",
    "word_range": "By number of words",
    "endpoint": "By endpoint",
    "outcome": "By outcome",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHOWN = 20
"""The maximum number of groups in a table of the page; the CSV has all."""
HEADER = ("group", "name", "requests", "ok", "words", "characters", "audio_seconds")
LEVELS = 4
"""The shades of the map of hours."""


def html(report: UsageReport) -> str:
    """Returns the page as HTML, without scripts."""
    return (
        environment()
        .get_template("usage.html")
        .render(
            name=report.span.name,
            period=f"{report.span.start:%-d %B %Y, %H:%M} to {report.span.end:%-d %B %Y, %H:%M} UTC",
            words=words(report),
            forecast=None if report.forecast is None else forecast_words(report.forecast),
            forecast_days=[] if report.forecast is None else _forecast_days(report.forecast),
            days=_days(report),
            heat=_heat(report),
            weeks=_weeks(report),
            changes=[_change(change) for change in report.changes if change.after != change.before][:SHOWN],
            tables=[
                (TITLES[kind], [_row(group, report) for group in report.groups[kind][:SHOWN]], len(report.groups[kind]))
                for kind in TITLES
            ],
            shown=SHOWN,
        )
    )


def words(report: UsageReport) -> str:
    """Returns the result in a sentence or two."""
    total = report.total
    text = (
        f"{count(total.requests)} requests, {share(total.ok, total.requests)} of them ok: {count(total.words)} words, "
        f"{hours(total.audio_seconds)} of audio."
    )
    if len(report.weeks) < 2 or not report.weeks[-2].usage.requests:
        return text
    before, after = (week.usage.requests for week in report.weeks[-2:])
    return (
        f"{text} The last seven days had {count(after)} requests, {after / before - 1:+.1%} against the seven before."
    )


def forecast_words(forecast: Forecast) -> str:
    """Returns the forecast of the next week, with its error."""
    text = f"The next seven days are expected to have {count(forecast.requests)} requests ({forecast.method})."
    if forecast.error is None or forecast.range is None:
        return f"{text} There are too few weeks to say how good such a forecast is: it takes three."
    error = forecast.error
    low, high = forecast.range
    return (
        f"{text} On {error.weeks} past weeks that it had not seen, such a forecast was {error.total:.1%} off on "
        f"average and {error.worst_total:.1%} at most, so {count(low)} to {count(high)} requests. Days "
        f"were {error.daily:.1%} off on average; with the week before as the forecast, {error.baseline_daily:.1%}."
    )


def table(report: UsageReport) -> str:
    """Returns every group, each week and the forecast as CSV; a forecast's requests have a fraction."""
    rows: list[tuple[Cell, ...]] = [_cells("all", report.total)]
    rows += [_cells(kind, group) for kind, groups in report.groups.items() for group in groups]
    rows += [
        ("weekday_hour", f"{WEEKDAYS[day]} {hour:02}", requests, None, None, None, None)
        for day, hours_of_day in enumerate(report.hours)
        for hour, requests in enumerate(hours_of_day)
    ]
    rows += [_cells("week", replace(week.usage, name=f"{week.start:%Y-%m-%d %H:%M}")) for week in report.weeks]
    if report.forecast is not None:
        rows += [
            ("forecast", f"{day.start:%Y-%m-%d %H:%M}", round(day.requests, 1), None, None, None, None)
            for day in report.forecast.days
        ]
    return csv_text(HEADER, rows)


def _cells(kind: str, group: UsageGroup) -> tuple[Cell, ...]:
    return kind, group.name, group.requests, group.ok, group.words, group.characters, group.audio_seconds


def _row(group: UsageGroup, report: UsageReport) -> dict[str, str]:
    return {
        "name": group.name,
        "requests": count(group.requests),
        "share": share(group.requests, report.total.requests),
        "ok": share(group.ok, group.requests),
        "words": count(group.words),
        "characters": count(group.characters),
        "audio": hours(group.audio_seconds),
    }


def _change(change: WeeklyChange) -> dict[str, str]:
    return {
        "kind": change.kind,
        "name": change.name,
        "before": count(change.before),
        "after": count(change.after),
        "change": "new" if change.ratio is None else f"{change.ratio - 1:+.1%}",
    }


def _forecast_days(forecast: Forecast) -> list[tuple[str, str]]:
    return [(f"{day.start:%A, %-d %B, from %H:%M}", count(day.requests)) for day in forecast.days]


def _weeks(report: UsageReport) -> list[dict[str, str]]:
    rows = []
    for place, week in enumerate(report.weeks):
        before = report.weeks[place - 1].usage.requests if place else 0
        rows.append(
            {
                "start": f"{week.start:%-d %B %Y, %H:%M}",
                "requests": count(week.usage.requests),
                "change": f"{week.usage.requests / before - 1:+.1%}" if before else "",
                "words": count(week.usage.words),
                "audio": hours(week.usage.audio_seconds),
            }
        )
    return rows


def _days(report: UsageReport) -> Any:
    """Returns the chart of the days, empty with fewer than two."""
    days = report.groups["day"]
    if len(days) < 2:
        return ""
    points = [charts.ChartPoint(day.name[5:], day.requests, f"{day.name}: {count(day.requests)}") for day in days]
    mean = report.total.requests / len(days)
    return charts.lines({"requests": points}, threshold=mean, unit="requests a day; dashed: the mean")


def _heat(report: UsageReport) -> list[tuple[str, list[dict[str, str]]]]:
    most = max(map(max, report.hours))
    return [
        (
            WEEKDAYS[day],
            [
                {
                    "level": f"u{-(-requests * LEVELS // most)}" if requests else "",
                    "title": f"{WEEKDAYS[day]} {hour:02}:00 UTC: {count(requests)}",
                }
                for hour, requests in enumerate(hours_of_day)
            ],
        )
        for day, hours_of_day in enumerate(report.hours)
    ]
