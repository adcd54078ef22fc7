"""Describes a verdict in words: what changed, by how much, since when and where; traffic separately from service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from drift.columns.column import Column, ValueKind
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS
from drift.reference.calendar import ALL_HOURS
from drift.verdict.comparison import Comparison, ComparisonOutcome, Difference, Direction
from otel.contract.drift_verdict import DECIDED, Change, ReferenceHours, Score, Segment, Subject, Verdict, VerdictState

ORDER = {column.name: place for place, column in enumerate(COLUMNS)}
MOST_NAMED = 3
"""The maximum number of columns that are described in words; the table has all of them."""


def verdict_text(verdict: Verdict, previous: Sequence[Verdict]) -> str:
    """Returns the verdict in a few sentences; ``previous`` are the verdicts before it, oldest first."""
    sentences = {
        VerdictState.INSUFFICIENT_DATA: _too_few,
        VerdictState.NO_REFERENCE: _no_reference,
        VerdictState.REFERENCE_DAMAGED: _no_use,
        VerdictState.REFERENCE_INCOMPATIBLE: _no_use,
        VerdictState.STABLE: _stable,
        VerdictState.SUSPECTED: _suspected,
        VerdictState.DRIFT: _drift,
    }[verdict.state](verdict, previous)
    return " ".join([*sentences, *_compared(verdict), *_context(verdict)])


def comparison_text(comparison: Comparison, a: str, b: str) -> str:
    """Returns the comparison of B with A: one sentence, then a line for each column that differs."""
    rows = f"{comparison.rows[0]:,} requests of {a}, {comparison.rows[1]:,} of {b}"
    within = "at equal length and voice" if comparison.by_voice else "at equal length; they have no voice in common"
    differing = [d for d in comparison.columns if d.outcome is ComparisonOutcome.DIFFERENT]
    tested = [d for d in comparison.columns if d.outcome is not ComparisonOutcome.INSUFFICIENT_DATA]
    said = {
        ComparisonOutcome.SAME: "Nothing is worse." if differing else "No difference that matters.",
        ComparisonOutcome.DIFFERENT: f"{b} differs from {a}.",
        ComparisonOutcome.INSUFFICIENT_DATA: "Too few requests to tell.",
    }[comparison.state]
    lines = [f"{said} ({rows}; compared {within}; {len(tested)} of {len(comparison.columns)} columns had enough)"]
    return "\n".join([*lines, *map(_difference_words, differing)])


def _difference_words(difference: Difference) -> str:
    column = BY_NAME[difference.column]
    before, after = _values(column, difference.before, difference.after)
    times = f", {difference.ratio:.2f} times" if difference.ratio is not None else ""
    chance = f", p {difference.p:.2g}" if difference.p is not None else ""
    direction = {Direction.WORSE: "worse", Direction.BETTER: "better", Direction.OTHER: "other", None: ""}
    return f"  {direction[difference.direction]:<7}{column.title}: {before} -> {after}{times}{chance}"


def _values(column: Column, *values: float) -> tuple[str, ...]:
    """Returns values of ``column`` as text: a number with its unit, a share in percent."""
    return tuple(quantity(v, column.unit) if column.kind is ValueKind.NUMBER else percent(v) for v in values)


def transition(verdict: Verdict, previous: Sequence[Verdict]) -> str | None:
    """Returns whether drift begins, changes its columns, or ends with this window; None if nothing changes."""
    if verdict.state not in DECIDED:
        return None
    last = _last_decided(previous)
    before = {score.column for score in last.detected} if last else set()
    now = {score.column for score in verdict.detected}
    if now == before:
        return None
    return "begins" if not before else "changes" if now else "ends"


def moment(time: datetime, of: datetime) -> str:
    """Returns ``time`` as text for the day ``of``: 14:00, or with its date on another day."""
    time, of = time.astimezone(UTC), of.astimezone(UTC)
    return f"{time:%H:%M}" if time.date() == of.date() else f"{time:%-d %B, %H:%M}"


def change_text(score: Score) -> str:
    """Returns the change of ``score``'s column in words, as the middle of a sentence."""
    column, change = BY_NAME[score.column], score.change
    if change is None:
        return f"{column.title}: not as usual"
    before, after = _values(column, change.before, change.after)
    return column.sentence.format(
        title=column.title,
        ratio=ratio(change),
        before=before,
        after=after,
        level=f"{change.level}: " if change.level else "",
        difference=f"{abs(change.after - change.before):.1f} {column.unit}",
        louder="louder" if change.after > change.before else "quieter",
    )


def compared_text(compared: ReferenceHours) -> str:
    """Returns the hours that a window was compared with and why these, as the middle of a sentence."""
    return f"{compared.hours}, {compared.windows:,} windows of the past: {compared.reason}"


def segment_text(segment: Segment) -> str:
    """Returns the segment in words, as "voice joe, 26-50 words"."""
    return ", ".join(DIMENSIONS.get(name, "{}").format(value or "none") for name, value in segment.by)


def ratio(change: Change) -> str:
    """Returns the ratio with two digits, such as 1.5, or with two decimals if it is below 1.1."""
    return "?" if change.ratio is None else f"{change.ratio:.2g}" if change.ratio >= 1.1 else f"{change.ratio:.2f}"


def percent(value: float | None) -> str:
    """Returns a share in percent, with two digits."""
    return (
        "?"
        if value is None
        else "0 %"
        if value == 0
        else f"{value * 100:.2g} %"
        if value < 0.1
        else f"{value * 100:.0f} %"
    )


def quantity(value: float | None, unit: str) -> str:
    """Returns a number with its unit in everyday form."""
    if value is None:
        return "?"
    match unit:
        case "s":
            return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
        case "share":
            return percent(value)
        case "words":
            return f"{value:.0f}"
        case _:
            return f"{value:.3g} {unit}".rstrip()


def _too_few(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    last = _last_decided(previous)
    said = [f"Only {_requests(verdict.rows)}: too few to judge."]
    if last is not None and last.state is VerdictState.DRIFT:
        said.append("Before, it had drifted, and nothing says that this is over.")
    return said


def _no_reference(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    return [
        f"There is nothing to compare these {_requests(verdict.rows)} with yet: a reference is made of them and "
        "others, by itself after enough windows, or by python -m drift calibrate."
    ]


def _no_use(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    why = "was made by another version" if verdict.state is VerdictState.REFERENCE_INCOMPATIBLE else "is damaged"
    return [f"The reference {why}, so nothing was judged. Make a new one by python -m drift calibrate."]


def _stable(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    said = ["Everything is as usual."]
    last = _last_decided(previous)
    if last is not None and last.state is VerdictState.DRIFT:
        titles = " and ".join(BY_NAME[score.column].title for score in last.detected)
        said = [f"Everything is as usual again: {titles} had drifted."]
    return said


def _suspected(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    over = _named([score for score in verdict.scores if score.over])
    said = [f"In this window {_and([change_text(score) for score in over])}."] if over else []
    return [*said, "One window alone is no drift: the next one decides."]


def _drift(verdict: Verdict, previous: Sequence[Verdict]) -> list[str]:
    detected = verdict.detected
    ours = [score for score in detected if score.subject is not Subject.TRAFFIC]
    theirs = [score for score in detected if score.subject is Subject.TRAFFIC]
    said: list[str] = []
    for subject in (ours, theirs):
        named = _named(subject)
        if not named:
            continue
        first, *others = named
        begin = moment(first.since or verdict.start, verdict.start)
        said += [f"Since {begin} {change_text(first)}.", *_concentration(verdict, first)]
        if others:
            said.append(f"Besides, {_and([change_text(score) for score in others])}.")
        more = len(subject) - len(named)
        if more:
            said.append(
                f"{more} other {'column of this kind has' if more == 1 else 'columns of this kind have'} drifted too."
            )
    if not theirs:
        said.append("Traffic is as usual.")
    elif not ours:
        said.append("This is a change of traffic: the service is as usual, at equal length nothing is slower.")
    return said


def _concentration(verdict: Verdict, score: Score) -> list[str]:
    segment = next((segment for segment in verdict.segments if segment.column == score.column), None)
    return [f"{percent(min(1.0, segment.share))} of that is {segment_text(segment)}."] if segment else []


def _compared(verdict: Verdict) -> list[str]:
    """Says which hours a window was compared with, unless these are all hours."""
    compared = verdict.context.compared_with
    if compared is None or compared.hours == ALL_HOURS or verdict.state not in DECIDED:
        return []
    return [f"Compared with {compared.hours} UTC."]


def _context(verdict: Verdict) -> list[str]:
    said = []
    if verdict.context.new_builds:
        said.append(f"New since the reference: build {', '.join(verdict.context.new_builds)}.")
    if verdict.context.new_voice_checksums:
        said.append("A voice's model is another one than in the reference.")
    return said


def _named(scores: Sequence[Score]) -> list[Score]:
    """Returns the scores furthest over their thresholds, in the order in which a reader would ask about them."""
    strongest = sorted(scores, key=lambda score: (-(score.ratio or 0.0), score.column))
    return sorted(strongest[:MOST_NAMED], key=lambda score: (not BY_NAME[score.column].first, ORDER[score.column]))


def _last_decided(previous: Sequence[Verdict]) -> Verdict | None:
    return next((verdict for verdict in reversed(previous) if verdict.state in DECIDED), None)


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


def _and(parts: Sequence[str]) -> str:
    """Returns the parts as a list in a sentence: one, two, and three."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
