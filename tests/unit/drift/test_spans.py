"""Windows in a row are drift together where none is by itself; one window, or a change that is over, is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drift.verdict.judge import judge
from drift.verdict.verdict_json import decode, encode
from otel.contract.drift_verdict import Score, Verdict, VerdictState
from tests.drift_distances import by_distance
from tests.drift_services import NIGHTLY_SERVICE, nightly_reference
from tests.drift_simulation import WEEK, judged
from tests.drift_traffic import HOUR, MONDAY, Hour, rows_of

USUAL = Hour(rows=1000)
START = MONDAY + (WEEK + 5) * HOUR
"""At five in the morning of a day after the reference."""


def after(hours: Sequence[Hour], verdicts: Sequence[Verdict] = (), consecutive: int = 2) -> list[Verdict]:
    """The verdicts on these hours, each judged with the verdict before it alone."""
    found = list(verdicts)
    for hour in hours:
        place = len(found)
        start = START + place * HOUR
        rows = rows_of(hour, start, np.random.default_rng(100 + place))
        verdict, _ = judge(
            start,
            start + HOUR,
            rows,
            len(rows),
            nightly_reference(),
            found[-12:],
            consecutive=consecutive,
            evaluation=by_distance,
        )
        found.append(verdict)
    return found


def score(verdict: Verdict, column: str) -> Score:
    return next(score for score in verdict.scores if score.column == column)


def failed(verdict: Verdict) -> set[str]:
    return {test.name for test in verdict.tests if not test.ok}


def test_usual_hours_are_not_over():
    last = after([USUAL] * 4)[-1]
    assert not {name for name in failed(last) if name.endswith(("_level", "_rate"))}
    assert len(score(last, "latency").recent) == 4
    assert {"latency_level", "errors_rate", "cache_rate"} <= {test.name for test in last.tests}


def test_errors_are_found_by_their_rate():
    verdicts = after([USUAL] * 2 + [replace(USUAL, errors=0.024)] * 3)
    last = verdicts[-1]
    assert "errors_rate" in failed(last)
    errors = score(last, "errors")
    assert errors.detected
    assert errors.since in {START + 2 * HOUR, START + 3 * HOUR}
    assert errors.recent[-1] < -2


def test_slower_by_a_quarter_is_found_and_over_when_it_is_over():
    verdicts = after([USUAL] * 2 + [replace(USUAL, latency=1.25)] * 6)
    assert score(verdicts[-1], "latency").detected or score(verdicts[-1], "real_time_factor").detected
    ended = after([USUAL] * 2, verdicts)[-1]
    assert ended.state is VerdictState.STABLE
    assert not {name for name in failed(ended) if name.endswith("_level")}


def test_one_terrible_hour_is_no_drift():
    verdicts = after([USUAL, USUAL, replace(USUAL, latency=8.0, errors=0.3), USUAL])
    assert [verdict.state for verdict in verdicts[2:]] == [VerdictState.SUSPECTED, VerdictState.STABLE]


def test_a_small_change_that_does_not_matter_is_never_found():
    verdicts = after([replace(USUAL, latency=1.02)] * 8)
    assert not {name for verdict in verdicts for name in failed(verdict) if name.endswith("_level")}


def test_more_windows_in_a_row_are_asked_for_by_the_setting():
    verdicts = after([replace(USUAL, errors=0.06)] * 4, consecutive=4)
    assert [score(verdict, "errors").detected for verdict in verdicts] == [False, False, False, True]


def test_counts_are_stored_with_the_verdict_and_kept_through_hours_that_are_not_judged():
    windows = list(NIGHTLY_SERVICE.windows(WEEK + 8, WEEK + 5))
    windows[1] = (windows[1][0], windows[1][1].head(20))
    verdicts = judged(nightly_reference(), windows)
    assert verdicts[1].state is VerdictState.INSUFFICIENT_DATA
    errors = [next(score for score in verdict.scores if score.column == "errors") for verdict in verdicts]
    assert [len(score.counts) for score in errors] == [1, 1, 2]
    assert errors[2].counts[0] == errors[0].counts[0]
    assert 0 < errors[0].counts[0].usual < 0.01
    assert decode(encode(verdicts[2])) == verdicts[2]
