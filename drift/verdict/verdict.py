"""What is decided of a window, and how it is kept as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from drift.columns.columns import Subject
from drift.columns.reader import Problem, ProblemKind
from drift.errors import VerdictDamaged
from drift.verdict.drift_tests import TestResult
from drift.verdict.segments import Segment

VERSION = 1
"""Of a stored verdict."""


class VerdictState(StrEnum):
    """What a window is."""

    STABLE = "stable"
    SUSPECTED = "suspected"
    """A column is too far from the reference, but not in enough windows in a row."""
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient_data"
    NO_REFERENCE = "no_reference"
    REFERENCE_INCOMPATIBLE = "reference_incompatible"
    REFERENCE_DAMAGED = "reference_damaged"


DECIDED = frozenset({VerdictState.STABLE, VerdictState.SUSPECTED, VerdictState.DRIFT})
"""The others say why nothing could be decided."""


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
    detected: bool
    """Over in enough windows in a row, and by enough."""
    since: datetime | None
    """The start of the first of these windows."""
    method: str | None
    size: int
    """Values that the distance is of."""
    missing_share: float | None
    change: Change | None = None
    strength: float = 0.0
    """The distance by what makes sure (Threshold.sure), on average of these windows, the last ones most; a failed test
    counts as 1 at least. Hours resemble their neighbours, so two in a row over a threshold are less of a surprise than
    two by themselves; to ask more of both together finds more, at as few false alarms, than a higher threshold."""

    @property
    def ratio(self) -> float | None:
        """The distance in thresholds; None where it was not judged."""
        return None if self.value is None or not self.threshold else self.value / self.threshold


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
    state: VerdictState
    rows: int
    """Requests of the window, those beyond the sample included."""
    reference: str | None
    """The id of the reference that it was compared with."""
    scores: tuple[Score, ...] = ()
    tests: tuple[TestResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    segments: tuple[Segment, ...] = ()
    context: Context = field(default_factory=Context)

    @property
    def detected(self) -> tuple[Score, ...]:
        """Of the columns that have drifted."""
        return tuple(score for score in self.scores if score.detected)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose change it is: of the columns that have drifted."""
        found = {score.subject for score in self.detected}
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
                state=VerdictState(data["state"]),
                rows=int(data["rows"]),
                reference=data["reference"],
                scores=tuple(_score(score) for score in data["scores"]),
                tests=tuple(TestResult(**test) for test in data["tests"]),
                problems=tuple(Problem(**{**p, "kind": ProblemKind(p["kind"])}) for p in data["problems"]),
                segments=tuple(
                    Segment(**{**s, "by": tuple((str(name), str(value)) for name, value in s["by"])})
                    for s in data["segments"]
                ),
                context=Context(**{name: tuple(values) for name, values in data["context"].items()}),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VerdictDamaged(f"not a verdict: {type(error).__name__}") from error


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
