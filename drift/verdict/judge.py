"""Judges a window as stable, suspected, drifted, or not decidable; a pure function of its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from drift.columns.column import Column, Scale, ValueKind
from drift.columns.columns import BY_NAME, COLUMNS
from drift.columns.frame import Frame, prepare
from drift.columns.reader import NOTHING, texts
from drift.errors import DriftError, ReferenceIncompatible
from drift.reference.reference import FORMAT, Reference
from drift.verdict.drift_tests import DriftResult, DriftTest, Statistic, TestPlan, plan_tests
from drift.verdict.evidently_report import Evaluate, EvidentlyReport, evaluate
from drift.verdict.segments import WindowFrames, concentration
from drift.verdict.spans import SpanTest, span_tests
from otel.contract.drift_verdict import Change, Context, Problem, ProblemKind, Score, Verdict, VerdictState

MOST_STRENGTH = 3.0
"""The maximum weight of a single window."""
NAMED_NEW = 20
"""The maximum number of builds, and of checksums, that a verdict names as new."""


def judge(  # noqa: PLR0917 - the order is that of the sentence
    start: datetime,
    end: datetime,
    rows: pd.DataFrame,
    count: int,
    reference: Reference | DriftError | None,
    previous: Sequence[Verdict],
    *,
    consecutive: int = 2,
    minimum_rows: int = 200,
    evaluation: Evaluate = evaluate,
) -> tuple[Verdict, EvidentlyReport | None]:
    """Returns the verdict on the window from ``start`` to ``end``.

    ``rows`` are its requests, or a sample of ``count`` ones; ``reference`` may be the error that explains why there is
    none. ``previous`` are the earlier verdicts, oldest first; the last one against the same reference tells how long a
    column has been over. No content of ``rows`` raises an error: it becomes a state or a problem.
    """
    plain = prepare(rows, start, end)
    verdict = Verdict(start, end, VerdictState.STABLE, count, None, problems=plain.problems)
    if reference is None:
        return replace(verdict, state=VerdictState.NO_REFERENCE), None
    if isinstance(reference, DriftError):
        return _unusable(verdict, reference), None
    if reference.format != FORMAT:
        return _unusable(verdict, ReferenceIncompatible(f"format {reference.format}, not {FORMAT}")), None
    reference = reference.at(start)
    verdict = replace(verdict, context=Context(compared_with=reference.described))
    before = _last(previous, reference)
    if plain.rows < minimum_rows:
        return _undecided(verdict, reference, before), None
    judged = reference.lengths.judged(plain)
    plan = plan_tests(judged, reference)
    if not plan.drift_tests and not plan.bound_tests:
        problems = (*judged.problems, *plan.problems)
        return _undecided(
            replace(verdict, state=VerdictState.INSUFFICIENT_DATA, problems=problems), reference, before
        ), None
    report = evaluation(plan, judged, reference)
    frames = WindowFrames(plain, judged, reference)
    spans = span_tests(judged, start, reference, before, consecutive)
    scores = tuple(_Scoring(frames, plan, report, spans, before, previous, start, consecutive).scores())
    state = (
        VerdictState.DRIFT
        if any(score.detected for score in scores)
        else VerdictState.SUSPECTED
        if any(score.over for score in scores)
        else VerdictState.STABLE
    )
    constant = tuple(
        Problem(ProblemKind.CONSTANT, test.column, 1)
        for test in report.tests
        if test.statistic == Statistic.CONSTANT and not test.ok
    )
    segments = [
        concentration(BY_NAME[score.column], score.change.level, frames)
        for score in scores
        if score.over and score.change is not None
    ]
    return (
        replace(
            verdict,
            state=state,
            reference=reference.id,
            scores=scores,
            tests=(*report.tests, *(test.result for test in spans.values())),
            problems=(*judged.problems, *plan.problems, *constant),
            segments=tuple(segment for segment in segments if segment is not None),
            context=_context(rows, reference),
        ),
        report if plan.drift_tests else None,
    )


def _unusable(verdict: Verdict, error: DriftError) -> Verdict:
    if isinstance(error, ReferenceIncompatible):
        state, kind = VerdictState.REFERENCE_INCOMPATIBLE, ProblemKind.REFERENCE_VERSION
    else:
        state, kind = VerdictState.REFERENCE_DAMAGED, ProblemKind.REFERENCE_DAMAGE
    return replace(verdict, state=state, problems=(*verdict.problems, Problem(kind, None, 1, str(error))))


def _last(previous: Sequence[Verdict], reference: Reference) -> dict[str, Score]:
    """Returns each column's last score against the same reference."""
    last: dict[str, Score] = {}
    for verdict in reversed(previous):
        if verdict.reference != reference.id:
            if verdict.reference is None:
                continue
            break
        for score in verdict.scores:
            last.setdefault(score.column, score)
    return last


def _undecided(verdict: Verdict, reference: Reference, before: dict[str, Score]) -> Verdict:
    """Returns the verdict on a window with too few rows: earlier drift neither continues nor ends."""
    scores = tuple(_carried(column, before.get(column.name), None) for column in COLUMNS)
    return replace(verdict, state=VerdictState.INSUFFICIENT_DATA, reference=reference.id, scores=scores)


def _carried(column: Column, last: Score | None, missing: float | None) -> Score:
    return Score(
        column.name,
        column.subject,
        value=None,
        threshold=None,
        over=False,
        consecutive=last.consecutive if last else 0,
        strength=last.strength if last else 0.0,
        detected=False,
        since=last.since if last else None,
        method=None,
        size=0,
        missing_share=missing,
        recent=last.recent if last else (),
        counts=last.counts if last else (),
    )


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Computes scores from test results."""

    frames: WindowFrames
    plan: TestPlan
    report: EvidentlyReport
    spans: dict[str, SpanTest]
    before: dict[str, Score]
    previous: Sequence[Verdict]
    start: datetime
    consecutive: int

    def scores(self) -> Iterator[Score]:
        """Yields the score of each column."""
        results = {result.column: result for result in self.report.distances}
        tests = {test.column.name: test for test in self.plan.drift_tests}
        failed = {test.column for test in self.report.tests if not test.ok}
        for column in COLUMNS:
            result = results.get(column.name)
            if result is None and column.name not in failed and column.name not in self.spans:
                missing = self.frames.judged.missing_share(column)
                yield _carried(column, self.before.get(column.name), missing)
            else:
                yield self._score(column, result, tests.get(column.name), failed=column.name in failed)

    def _score(self, column: Column, result: DriftResult | None, test: DriftTest | None, *, failed: bool) -> Score:
        last, missing = self.before.get(column.name), self.frames.judged.missing_share(column)
        span = self.spans.get(column.name)
        together = span.windows if span else 0
        over = failed or together > 0 or (result is not None and result.over)
        row = max((last.consecutive if last else 0) + 1, together) if over else 0
        bound = self.frames.reference.bounds[column.name].missing
        value, threshold, method = _shown(result, test, missing, bound)
        reached = result.value / test.threshold.sure if result and result.value and test else 0.0
        strength = min(MOST_STRENGTH, max(reached, 1.0) if failed else reached)
        if row > 1 and last is not None:
            strength = (last.strength + strength) / 2
        if together:
            strength = max(strength, 1.0)
        went_on = row > 1 and last is not None and last.detected
        return Score(
            column.name,
            column.subject,
            value=value,
            threshold=threshold,
            over=over,
            consecutive=row,
            strength=strength,
            detected=row >= self.consecutive and (went_on or strength >= 1.0),
            since=self._since(column, last, together) if over else None,
            method=method,
            size=test.size if test else 0,
            missing_share=missing,
            change=_change(column, self.frames) if test else None,
            recent=span.recent if span else last.recent if last else (),
            counts=span.counts if span else last.counts if last else (),
        )

    def _since(self, column: Column, last: Score | None, together: int) -> datetime:
        """Returns the start of the windows in a row that are over, or that are over together."""
        since = (last.since if last and last.consecutive else None) or self.start
        judged = [
            verdict.start
            for verdict in self.previous
            if verdict.reference == self.frames.reference.id
            and any(score.column == column.name and score.value is not None for score in verdict.scores)
        ]
        return min([since, *judged[len(judged) + 1 - together :]]) if together > 1 else since


def _shown(
    result: DriftResult | None, test: DriftTest | None, missing: float | None, bound: float
) -> tuple[float | None, float | None, str]:
    """Returns the distance and its threshold; for a column without values, the missing share and its bound."""
    if result is None or test is None:
        return missing, bound, "missing_share"
    return result.value, test.threshold.value, test.threshold.method.value


def _change(column: Column, frames: WindowFrames) -> Change | None:
    plain, judged, reference = frames.plain, frames.judged, frames.reference
    present = judged.present(column)
    if not present.any():
        return None
    if column.kind is ValueKind.CATEGORY:
        return _change_of_shares(column, judged, reference)
    values, known = judged.values[column.name][present], reference.values(column)
    typical, average = float(np.median(values) - np.median(known)), float(np.mean(values) - np.mean(known))
    more = typical if abs(typical) >= abs(average) else average  # a change in a few values moves only the average
    if column.equal_length:
        now = float(np.median(plain.values[column.name][present]))
        before, after = column.raw(now - more), column.raw(now)
    else:
        before, after = (column.raw(float(np.median(side))) for side in (known, values))
    ratio = 10.0**more if column.scale is Scale.RATIO else None
    return Change(before, after, ratio)


def _change_of_shares(column: Column, judged: Frame, reference: Reference) -> Change:
    values = judged.values[column.name][judged.present(column)]
    counts = reference.counts(column)
    total = sum(counts.values())
    now = {str(name): float(np.mean(values == name)) for name in set(values)}
    shares = {name: count / total for name, count in counts.items()}
    if column.sound is not None:
        before, after, level = 1 - shares.get(column.sound, 0.0), 1 - now.get(column.sound, 0.0), None
    else:
        level = max(sorted({*now, *shares}), key=lambda name: abs(now.get(name, 0.0) - shares.get(name, 0.0)))
        before, after = shares.get(level, 0.0), now.get(level, 0.0)
    return Change(before, after, after / before if before > 0 else None, level)


def _context(rows: pd.DataFrame, reference: Reference) -> Context:
    def new(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        if name not in rows.columns:
            return ()
        column = rows.loc[:, ~rows.columns.duplicated()][name]
        return tuple(sorted(set(texts(column)) - {NOTHING, *known})[:NAMED_NEW])

    return Context(
        new("build", reference.builds), new("voice_checksum", reference.voice_checksums), reference.described
    )
