"""News: a change that began or ended, or a verdict on a build, in words and as the fields of an event."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime

import msgspec

from drift.sequential.builds import BuildVerdict, Margins, Measured
from drift.sequential.monitor import Report
from otel.contract.drift_changes import BuildState, ChangeMeasure, Dimension
from otel.contract.event_fields import ChangeField

WHOLE = "the whole service"
FAILED = {Dimension.PROVIDER: "of its attempts fail"}


class News(msgspec.Struct, frozen=True):
    """What is sent, and shown on the page."""

    id: str
    time: float
    """Seconds since 1970."""
    text: str
    bad: bool
    """Whether it is a change for the worse."""
    fields: dict[str, str | float]
    """The attributes of the event tts.change."""


def of_report(report: Report, now: float) -> News:
    """Returns the news of a change."""
    began = report.change.ended is None
    kind = "began" if began else "ended"
    fields: dict[str, str | float] = {
        ChangeField.KIND.value: kind,
        ChangeField.MEASURE.value: str(report.measure),
        ChangeField.SINCE.value: _time(report.change.since).isoformat(),
        ChangeField.RATIO.value: ratio(report),
    }
    names = {Dimension.VOICE: ChangeField.VOICE_NAME, Dimension.PROVIDER: ChangeField.PROVIDER}
    if report.dimension in names:
        fields[names[report.dimension].value] = report.value
    if report.build:
        fields[ChangeField.BUILD.value] = report.build
    return _news(f"{report.key} {report.change.since} {kind}", now, report_text(report), began, fields)


def of_verdict(verdict: BuildVerdict, margins: Margins, now: float) -> News:
    """Returns the news of a verdict on a build."""
    fields: dict[str, str | float] = {
        ChangeField.KIND.value: "build",
        ChangeField.SINCE.value: _time(verdict.since).isoformat(),
        ChangeField.BUILD.value: verdict.build,
        ChangeField.STATE.value: str(verdict.state),
    }
    if verdict.worse:
        fields[ChangeField.MEASURE.value] = ",".join(each.measure for each in verdict.worse)
    worse = verdict.state is BuildState.WORSE
    return _news(f"{verdict.build} {verdict.since} {verdict.state}", now, verdict_text(verdict, margins), worse, fields)


def report_text(report: Report) -> str:
    """Returns the change as a sentence, such as "Since 14:23 UTC, voice amy is 1.4 times slower than before"."""
    change = report.change
    who = f"{report.dimension} {report.value}" if report.value else WHOLE
    if report.measure is ChangeMeasure.LATENCY:
        low, high = (math.exp(edge - change.before) for edge in (change.low, change.high))
        what = f"{who} is {ratio(report):.2g} times slower for the same text ({low:.2g} to {high:.2g})"
    else:
        doing = {ChangeMeasure.FAILURES: "of requests fail", ChangeMeasure.WORD_ERROR_RATE: "of words are misheard"}
        kind = FAILED.get(report.dimension, doing[report.measure])
        what = (
            f"{who}: {change.after:.0%} {kind} instead of {change.before:.1%} ({change.low:.0%} to {change.high:.0%})"
        )
    since = f"since {_clock(change.since)}"
    build = f", since build {report.build}" if report.build and report.dimension is not Dimension.BUILD else ""
    if change.ended is None:
        return f"{since[:1].upper()}{since[1:]}, {what}{build}. Certain after {change.requests} requests."
    reason = "it lasts and counts as usual from now on" if change.is_lasting(change.ended) else "it is over"
    return f"At {_clock(change.ended)}: {what}, {since}{build}; {reason}."


def verdict_text(verdict: BuildVerdict, margins: Margins) -> str:
    """Returns the verdict on a build in words."""
    about = f"Build {verdict.build}, after {verdict.requests} requests"
    if verdict.state is BuildState.WORSE:
        return f"{about}: worse in {' and '.join(map(_measured, verdict.worse))}."
    shown = "; ".join(map(_measured, verdict.measures))
    if verdict.state is BuildState.NO_WORSE:
        within = f"latency within {margins.latency:g} times, failures within {margins.failures * 100:g} points"
        return f"{about}: no worse ({within}). {shown[:1].upper()}{shown[1:]}."
    words = "undecided" if verdict.state is BuildState.UNDECIDED else "not decided yet"
    return f"{about}: {words}. {shown[:1].upper()}{shown[1:]}." if shown else f"{about}: {words}."


def ratio(report: Report) -> float:
    """Returns the value after the change divided by that before it."""
    change = report.change
    if report.measure is ChangeMeasure.LATENCY:
        return math.exp(min(50.0, change.after - change.before))
    return change.after / max(change.before, 1e-4)


def _measured(measured: Measured) -> str:
    if measured.measure is ChangeMeasure.LATENCY:
        return f"latency {measured.difference:.2f} times that of the others ({measured.low:.2f} to {measured.high:.2f})"
    name = {ChangeMeasure.FAILURES: "failures", ChangeMeasure.WORD_ERROR_RATE: "misheard words"}[measured.measure]
    points = [f"{value * 100:+.1f}" for value in (measured.difference, measured.low, measured.high)]
    return f"{name} {points[0]} points ({points[1]} to {points[2]})"


def _news(key: str, now: float, text: str, bad: bool, fields: dict[str, str | float]) -> News:
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return News(name, now, text, bad, {ChangeField.ID.value: name, **fields, ChangeField.TEXT.value: text})


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _clock(seconds: float) -> str:
    return f"{_time(seconds):%H:%M} UTC"
