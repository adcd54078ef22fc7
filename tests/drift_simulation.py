"""Weeks of simulated windows put before the drift job's judgement: how often it cries wolf, and what it finds.

Windows are judged by ``tests.drift_distances.by_distance``, a tenth of Evidently's time for the same numbers
(tests/unit/drift/test_evidently_report.py holds them equal); all else is what the job runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from drift.reference.calibration import calibrate
from drift.reference.reference import Reference
from drift.verdict.judge import judge
from otel.contract.drift_verdict import Verdict, VerdictState
from tests.drift_distances import by_distance
from tests.drift_traffic import CHANGES, HOUR, MONDAY, Change, Service, rows_of, week

WEEK = 168


def reference_of(service: Service, hours: int = WEEK) -> Reference:
    """Of the service's first hours."""
    return calibrate(week(service, hours), created=MONDAY)


def judged(
    reference: Reference, windows: Iterable[tuple[datetime, pd.DataFrame]], previous: Sequence[Verdict] = ()
) -> list[Verdict]:
    """The verdicts on windows one after the other."""
    verdicts = list(previous)
    for start, rows in windows:
        verdict, _ = judge(start, start + HOUR, rows, len(rows), reference, verdicts[-1:], evaluation=by_distance)
        verdicts.append(verdict)
    return verdicts[len(previous) :]


@dataclass(slots=True)
class Alarms:
    """What was said of windows in which nothing had changed."""

    windows: int = 0
    states: Counter[VerdictState] = field(default_factory=Counter)
    alarms: int = 0
    """Times that drift began."""
    columns: Counter[str] = field(default_factory=Counter)
    """In windows of drift: what had drifted."""
    over: Counter[str] = field(default_factory=Counter)
    """In all windows: what was over its threshold."""

    def count(self, verdicts: Sequence[Verdict]) -> None:
        """Adds the verdicts on windows that follow each other."""
        before = VerdictState.STABLE
        for verdict in verdicts:
            self.windows += 1
            self.states[verdict.state] += 1
            if verdict.state is VerdictState.DRIFT and before is not VerdictState.DRIFT:
                self.alarms += 1
            self.columns.update(score.column for score in verdict.scores if score.detected)
            self.over.update(score.column for score in verdict.scores if score.over)
            if verdict.state is not VerdictState.INSUFFICIENT_DATA:
                before = verdict.state


def false_alarms(seeds: Iterable[int], hours: int, **service: float) -> Alarms:
    """Of each seed a service: a week to calibrate by, then so many hours in which nothing changes."""
    alarms = Alarms()
    for seed in seeds:
        one = Service(seed, **service)  # type: ignore[arg-type]
        reference = reference_of(one)
        # The same service goes on: its hours after the week of the reference.
        alarms.count(judged(reference, week(one, WEEK + hours, first=WEEK)))
    return alarms


@dataclass(frozen=True, slots=True)
class Power:
    """Of windows in pairs, the second of which decides."""

    change: str
    column: str
    tries: int
    found: int
    """Pairs after which the column had drifted."""
    misnamed: int
    """Pairs after which a column of a subject had drifted that the change is none of."""

    @property
    def share(self) -> float:
        return self.found / self.tries


BELONGING = {"pace x1.15": {"audio", "service"}}  # the same work makes more audio: the real time factor falls
"""Subjects that a change is of, where it is not its column's alone."""


def power(references: Sequence[tuple[Service, Reference]], tries: int, rows: int = 1000) -> list[Power]:
    """Of each change in turn: so many pairs of windows of ``rows`` rows for each reference."""
    table = []
    for name, (column, change) in CHANGES.items():
        found = misnamed = 0
        for service, reference in references:
            for pair in range(tries):
                last = _pair(service, reference, change, pair, rows)[-1]
                detected = {score.column: str(score.subject) for score in last.scores if score.detected}
                found += column in detected
                subjects = BELONGING.get(name, {_subject(last, column)})
                misnamed += bool(set(detected.values()) - subjects)
        table.append(Power(name, column, tries * len(references), found, misnamed))
    return table


def _pair(service: Service, reference: Reference, change: Change, number: int, rows: int) -> list[Verdict]:
    """Two windows that follow each other, at some hour of a week after the reference."""
    begin = MONDAY + timedelta(days=14 + number % 7, hours=(5 * number) % 24)
    hours = Service(1000 * service.seed + number, rows=rows, steady=True, memory=service.memory).hours(2, begin)
    windows = [
        (start, rows_of(replace(change(hour), rows=rows), start, np.random.default_rng((service.seed, number, place))))
        for place, (start, hour) in enumerate(hours)
    ]
    return judged(reference, windows)


def _subject(verdict: Verdict, column: str) -> str:
    return next(str(score.subject) for score in verdict.scores if score.column == column)


def as_markdown(alarms: Alarms, table: Sequence[Power], rows: int = 1000) -> str:
    """The figures as they stand in the documentation."""
    weeks = alarms.windows / WEEK
    lines = [
        f"False alarms: {alarms.alarms} in {alarms.windows:,} windows ({weeks:.1f} weeks of hours) in which nothing "
        f"changed; {alarms.states[VerdictState.SUSPECTED]} windows were suspected, "
        f"{alarms.states[VerdictState.INSUFFICIENT_DATA]} had too few requests.",
        "",
        f"| change, at {rows:,} requests an hour | told by | found in two hours | taken for another |",
        "| --- | --- | ---: | ---: |",
        *(
            f"| {entry.change} | `{entry.column}` | {entry.share:.0%} | {entry.misnamed / entry.tries:.0%} |"
            for entry in table
        ),
        "",
        f"Of {table[0].tries} pairs of hours each.",
    ]
    return "\n".join(lines)
