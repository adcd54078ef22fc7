"""Decides what a window is: stable, suspected, drifted, or not to be judged; a pure function of what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from drift.columns import BY_NAME, COLUMNS, Column, Kind, Scale, Subject
from drift.errors import DriftError, ReferenceIncompatible, VerdictDamaged
from drift.evidence import Evidence, Measure, by_evidently
from drift.frame import NOTHING, Frame, Problem, ProblemKind, prepare, raw, texts
from drift.questions import Question, Questions, Reading, Statistic, Test, ask
from drift.reference import FORMAT, Reference
from drift.segments import Compared, Segment, concentration

VERSION = 1
"""Of a stored verdict."""
MARGIN = 1.15
"""Times its threshold, that a column must be on average in the windows that decide. Hours resemble their neighbours, so
two in a row over a threshold are less of a surprise than two by themselves; to ask more of both together finds more,
at as few false alarms, than a higher threshold for each (the figures: tests/long/test_drift_alarms.py)."""
MOST_STRENGTH = 3.0
"""Times its threshold, that a single window counts for at most."""
NAMED_NEW = 20
"""Builds and checksums that are told at most."""


class State(StrEnum):
    """What a window is."""

    STABLE = "stable"
    SUSPECTED = "suspected"
    """A column is too far from the reference, but not in enough windows in a row."""
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient_data"
    NO_REFERENCE = "no_reference"
    REFERENCE_INCOMPATIBLE = "reference_incompatible"
    REFERENCE_DAMAGED = "reference_damaged"


@dataclass(frozen=True, slots=True)
class Change:
    """What a person would call the change."""

    before: float
    """Of a number: what is usual, in its unit, at equal length where it is judged so. Of a category: a share."""
    after: float
    ratio: float | None
    """After over before; None where before is 0 or a ratio says nothing."""
    level: str | None = None
    """Of a category none of whose levels is better than another: the one whose share has changed most."""


@dataclass(frozen=True, slots=True)
class Score:
    """A column in a window."""

    column: str
    subject: Subject
    value: float | None
    """The distance from the reference; None where it was not judged."""
    threshold: float | None
    over: bool
    """Too far, or one of the column's tests failed."""
    consecutive: int
    """Windows in a row that were over, with this one; one that was not judged neither counts nor ends the row."""
    strength: float
    """Times the threshold, on average of these windows, the last ones most; a failed test counts as MARGIN at least."""
    detected: bool
    """Over in enough windows in a row, and by enough."""
    since: datetime | None
    """The start of the first of these windows."""
    method: str | None
    size: int
    """Values that the distance is of."""
    missing_share: float | None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is new since the reference, and may explain a change."""

    new_builds: tuple[str, ...] = ()
    new_voice_checksums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of a window."""

    start: datetime
    end: datetime
    state: State
    rows: int
    """Requests of the window, those beyond the sample included."""
    reference: str | None
    """The id of the reference that it was compared with."""
    scores: tuple[Score, ...] = ()
    tests: tuple[Test, ...] = ()
    problems: tuple[Problem, ...] = ()
    segments: tuple[Segment, ...] = ()
    context: Context = field(default_factory=Context)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose change it is: of the columns that have drifted."""
        found = {score.subject for score in self.scores if score.detected}
        return tuple(subject for subject in Subject if subject in found)

    def to_json(self) -> dict[str, Any]:
        """As plain data; ``from_json`` makes exactly this verdict of it."""
        return {"version": VERSION, "subjects": [str(s) for s in self.subjects], **_plain(asdict(self))}

    @classmethod
    def from_json(cls, data: Any) -> Verdict:
        """Raises VerdictDamaged when ``data`` is not what ``to_json`` made."""
        try:
            if data["version"] != VERSION:
                raise VerdictDamaged(f"a verdict of version {data['version']!r}; this job reads {VERSION}")
            return cls(
                start=datetime.fromisoformat(data["start"]),
                end=datetime.fromisoformat(data["end"]),
                state=State(data["state"]),
                rows=int(data["rows"]),
                reference=data["reference"],
                scores=tuple(_score(score) for score in data["scores"]),
                tests=tuple(Test(**test) for test in data["tests"]),
                problems=tuple(Problem(**{**p, "kind": ProblemKind(p["kind"])}) for p in data["problems"]),
                segments=tuple(
                    Segment(**{**s, "by": tuple((str(name), str(value)) for name, value in s["by"])})
                    for s in data["segments"]
                ),
                context=Context(**{name: tuple(values) for name, values in data["context"].items()}),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VerdictDamaged(f"not a verdict: {type(error).__name__}") from error


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
    measure: Measure = by_evidently,
) -> tuple[Verdict, Evidence | None]:
    """Decides what the window from ``start`` to ``end`` is.

    ``rows`` are its requests, or a sample of its ``count`` ones; ``reference`` may be the error why there is none.
    ``previous`` are the verdicts before, oldest first: the last that was compared with the same reference says how long
    a column has been over. Never raises for what is in ``rows``: that becomes a state or a problem.
    """
    plain = prepare(rows, start, end)
    found = Verdict(start, end, State.STABLE, count, None, problems=plain.problems)
    if reference is None:
        return _as(found, State.NO_REFERENCE), None
    if isinstance(reference, DriftError):
        return _unusable(found, reference), None
    if reference.format != FORMAT:
        return _unusable(found, ReferenceIncompatible(f"format {reference.format}, not {FORMAT}")), None
    before = _last(previous, reference)
    if plain.rows < minimum_rows:
        return _undecided(found, reference, before), None
    judged = reference.lengths.judged(plain)
    questions = ask(judged, reference)
    if not questions.columns and not questions.checks:
        problems = (*judged.problems, *questions.problems)
        return _undecided(_as(found, State.INSUFFICIENT_DATA, problems=problems), reference, before), None
    evidence = measure(questions, judged, reference)
    compared = Compared(plain, judged, reference)
    scores = tuple(_Scoring(compared, questions, evidence, before, start, consecutive).scores())
    state = (
        State.DRIFT
        if any(score.detected for score in scores)
        else State.SUSPECTED
        if any(score.over for score in scores)
        else State.STABLE
    )
    constant = tuple(
        Problem(ProblemKind.CONSTANT, test.column, 1)
        for test in evidence.tests
        if test.statistic == Statistic.CONSTANT and not test.ok
    )
    segments = [
        concentration(BY_NAME[score.column], score.change.level, compared)
        for score in scores
        if score.over and score.change is not None
    ]
    return (
        _as(
            found,
            state,
            reference=reference.id,
            scores=scores,
            tests=evidence.tests,
            problems=(*judged.problems, *questions.problems, *constant),
            segments=tuple(segment for segment in segments if segment is not None),
            context=_context(rows, reference),
        ),
        evidence if questions.columns else None,
    )


def _as(verdict: Verdict, state: State, **others: Any) -> Verdict:
    kept = {name: getattr(verdict, name) for name in Verdict.__dataclass_fields__}
    return Verdict(**{**kept, "state": state, **others})


def _unusable(verdict: Verdict, error: DriftError) -> Verdict:
    if isinstance(error, ReferenceIncompatible):
        state, kind = State.REFERENCE_INCOMPATIBLE, ProblemKind.REFERENCE_VERSION
    else:
        state, kind = State.REFERENCE_DAMAGED, ProblemKind.REFERENCE_DAMAGE
    return _as(verdict, state, problems=(*verdict.problems, Problem(kind, None, 1, str(error))))


def _last(previous: Sequence[Verdict], reference: Reference) -> dict[str, Score]:
    """By column: its last score against the same reference."""
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
    """Too little to judge: what was over before neither goes on nor ends."""
    scores = tuple(_carried(column, before.get(column.name), None) for column in COLUMNS)
    return _as(verdict, State.INSUFFICIENT_DATA, reference=reference.id, scores=scores)


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
    )


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Makes scores of answers."""

    compared: Compared
    questions: Questions
    evidence: Evidence
    before: dict[str, Score]
    start: datetime
    consecutive: int

    def scores(self) -> Iterator[Score]:
        """Of all columns."""
        readings = {reading.column: reading for reading in self.evidence.readings}
        asked = {question.column.name: question for question in self.questions.columns}
        failed = {test.column for test in self.evidence.tests if not test.ok}
        for column in COLUMNS:
            reading = readings.get(column.name)
            if reading is None and column.name not in failed:
                missing = self.compared.judged.missing_share(column)
                yield _carried(column, self.before.get(column.name), missing)
            else:
                yield self._score(column, reading, asked.get(column.name), failed=column.name in failed)

    def _score(self, column: Column, reading: Reading | None, question: Question | None, *, failed: bool) -> Score:
        last, missing = self.before.get(column.name), self.compared.judged.missing_share(column)
        over = failed or (reading is not None and reading.over)
        row = (last.consecutive if last else 0) + 1 if over else 0
        bound = self.compared.reference.bounds[column.name].missing
        value, threshold, method = _shown(reading, question, missing, bound)
        ratio = min(MOST_STRENGTH, value / threshold) if value is not None and threshold else 0.0
        strength = max(ratio, MARGIN) if failed else ratio
        if row > 1 and last is not None:
            strength = (last.strength + strength) / 2
        went_on = row > 1 and last is not None and last.detected
        return Score(
            column.name,
            column.subject,
            value=value,
            threshold=threshold,
            over=over,
            consecutive=row,
            strength=strength,
            detected=row >= self.consecutive and (went_on or strength >= MARGIN),
            since=((last.since if last and last.consecutive else None) or self.start) if over else None,
            method=method,
            size=question.size if question else 0,
            missing_share=missing,
            change=_change(column, self.compared) if question else None,
        )


def _shown(
    reading: Reading | None, question: Question | None, missing: float | None, bound: float
) -> tuple[float | None, float | None, str]:
    """The distance and its threshold; of a column without values the share that is missing, and its bound."""
    if reading is None or question is None:
        return missing, bound, "missing_share"
    return reading.value, question.threshold.value, question.threshold.method.value


def _change(column: Column, compared: Compared) -> Change | None:
    plain, judged, reference = compared.plain, compared.judged, compared.reference
    present = judged.present(column)
    if not present.any():
        return None
    if column.kind is Kind.CATEGORY:
        return _change_of_shares(column, judged, reference)
    values, known = judged.values[column.name][present], reference.values(column)
    typical, average = float(np.median(values) - np.median(known)), float(np.mean(values) - np.mean(known))
    more = typical if abs(typical) >= abs(average) else average  # a change of a few moves the average alone
    if column.equal_length:
        now = float(np.median(plain.values[column.name][present]))
        before, after = raw(column, now - more), raw(column, now)
    else:
        before, after = (raw(column, float(np.median(side))) for side in (known, values))
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

    return Context(new("build", reference.builds), new("voice_checksum", reference.voice_checksums))


def _plain(value: Any) -> Any:
    """Times as text, tuples as lists, enumerations as their values."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


def _score(data: dict[str, Any]) -> Score:
    change = data["change"]
    since = data["since"]
    return Score(
        **{
            **data,
            "subject": Subject(data["subject"]),
            "since": None if since is None else datetime.fromisoformat(since),
            "change": None if change is None else Change(**change),
        }
    )
