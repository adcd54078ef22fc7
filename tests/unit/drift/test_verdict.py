"""Every window gets a named state, and the same one whenever it is asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from drift.columns.columns import COLUMNS
from drift.errors import ReferenceDamaged, ReferenceIncompatible, VerdictDamaged
from drift.reference.reference import Reference
from drift.verdict.judge import judge
from drift.verdict.verdict_json import decode, encode
from otel.contract.drift_verdict import ProblemKind, Score, Subject, Verdict, VerdictState
from tests.drift_distances import by_distance
from tests.drift_references import START, calibrated, cold, window
from tests.drift_traffic import HOUR, Hour
from tests.examples import examples
from tests.unit.drift.test_frame import JUNK

SLOW = Hour(rows=600, latency=1.8)


def verdict_on(
    rows: pd.DataFrame,
    previous: list[Verdict] | None = None,
    *,
    hours: int = 0,
    reference: Reference | ReferenceDamaged | ReferenceIncompatible | None = None,
    **options: int,
) -> Verdict:
    start = START + hours * HOUR
    given = calibrated() if reference is None else reference
    return judge(start, start + HOUR, rows, len(rows), given, previous or [], evaluation=by_distance, **options)[0]


def series(*hours: Hour | None) -> list[Verdict]:
    """The verdicts on windows that follow each other; None is one with too few requests."""
    verdicts: list[Verdict] = []
    for number, hour in enumerate(hours):
        rows = window(hour, hours=number, seed=number) if hour else window(rows=50, hours=number)
        verdicts.append(verdict_on(rows, verdicts, hours=number))
    return verdicts


def score(verdict: Verdict, column: str) -> Score:
    return next(score for score in verdict.scores if score.column == column)


def kinds(verdict: Verdict) -> set[tuple[ProblemKind, str | None]]:
    return {(problem.kind, problem.column) for problem in verdict.problems}


USUAL = Hour(rows=600)


def test_an_ordinary_window_is_stable():
    verdict = verdict_on(window())
    assert verdict.state is VerdictState.STABLE
    assert verdict.rows == 600
    assert verdict.reference == calibrated().id
    assert [s.column for s in verdict.scores] == [column.name for column in COLUMNS]
    assert all(test.ok for test in verdict.tests)
    assert verdict.segments == verdict.subjects == ()


def test_one_window_is_suspected_the_second_in_a_row_is_drift_and_then_it_is_over():
    first, second, third = series(SLOW, SLOW, USUAL)
    assert (first.state, second.state, third.state) == (VerdictState.SUSPECTED, VerdictState.DRIFT, VerdictState.STABLE)
    assert [score(v, "latency").consecutive for v in (first, second, third)] == [1, 2, 0]
    assert [score(v, "latency").detected for v in (first, second, third)] == [False, True, False]
    assert score(second, "latency").since == START
    assert score(third, "latency").since is None
    assert second.subjects == (Subject.SERVICE,)


def test_a_single_strange_window_is_forgotten():
    assert [v.state for v in series(SLOW, USUAL, SLOW)] == [
        VerdictState.SUSPECTED,
        VerdictState.STABLE,
        VerdictState.SUSPECTED,
    ]


def test_a_window_with_too_few_requests_neither_goes_on_nor_ends_it():
    verdicts = series(SLOW, None, None, SLOW)
    assert [v.state for v in verdicts] == [
        VerdictState.SUSPECTED,
        VerdictState.INSUFFICIENT_DATA,
        VerdictState.INSUFFICIENT_DATA,
        VerdictState.DRIFT,
    ]
    assert score(verdicts[3], "latency").since == START
    assert score(verdicts[2], "latency").consecutive == 1
    assert not score(verdicts[2], "latency").detected


def test_only_the_last_verdict_is_needed_to_go_on():
    verdicts = series(SLOW, None)
    assert verdict_on(window(SLOW, hours=2), verdicts[-1:], hours=2).state is VerdictState.DRIFT


def test_what_was_over_against_another_reference_does_not_count():
    first = series(SLOW)[0]
    assert (
        verdict_on(window(SLOW, hours=1), [replace(first, reference="another")], hours=1).state
        is VerdictState.SUSPECTED
    )


def test_two_windows_that_are_over_but_not_by_enough_together_stay_suspected():
    reference = calibrated()
    unsure = replace(
        reference,
        thresholds={
            name: {size: structs.replace(threshold, sure=100.0) for size, threshold in by_size.items()}
            for name, by_size in reference.thresholds.items()
        },
    )
    slower = replace(USUAL, latency=1.45)
    first = verdict_on(window(slower), reference=unsure)
    second = verdict_on(window(slower, hours=1), [first], hours=1, reference=unsure)
    latency = score(second, "latency")
    assert (second.state, latency.consecutive, latency.detected) == (VerdictState.SUSPECTED, 2, False)
    assert 0 < latency.strength < 1


def test_drift_goes_on_for_as_long_as_its_column_is_over():
    verdicts = series(SLOW, SLOW)
    last = verdicts[-1]
    weak = replace(last, scores=tuple(replace(s, strength=0.1) for s in last.scores))
    assert verdict_on(window(SLOW, hours=2), [weak], hours=2).state is VerdictState.DRIFT


def test_how_many_windows_it_takes_can_be_set():
    assert verdict_on(window(SLOW), consecutive=1).state is VerdictState.DRIFT
    second = verdict_on(window(SLOW, hours=1), series(SLOW), hours=1, consecutive=3)
    assert second.state is VerdictState.SUSPECTED


def test_longer_texts_are_traffic_and_a_slower_service_is_service():
    longer = replace(USUAL, words=1.6)
    assert series(longer, longer)[-1].subjects == (Subject.TRAFFIC,)
    assert series(SLOW, SLOW)[-1].subjects == (Subject.SERVICE,)
    quieter = replace(USUAL, loudness=-3.0)
    assert series(quieter, quieter)[-1].subjects == (Subject.AUDIO,)


def test_the_change_is_told_in_the_columns_own_unit():
    latency = score(series(SLOW)[0], "latency").change
    assert latency is not None
    assert latency.ratio == pytest.approx(1.8, rel=0.2)  # a quarter of the requests come from the cache
    assert latency.after > latency.before > 0
    errors = score(series(replace(USUAL, errors=0.10))[0], "errors").change
    assert errors is not None
    assert errors.before == pytest.approx(0.004, abs=0.004)
    assert errors.after == pytest.approx(0.10, abs=0.04)
    voices = np.array([0.15, 0.25, 0.15, 0.40, 0.05])
    voice = score(series(replace(USUAL, voices=voices))[0], "voice").change
    assert voice is not None
    assert voice.level in ("joe", "lessac")


def test_builds_and_voices_that_are_new_are_told():
    rows = window(replace(USUAL, build="0.2.0"))
    rows.loc[rows["voice"] == "joe", "voice_checksum"] = "another"
    context = verdict_on(rows).context
    assert context.new_builds == ("0.2.0",)
    assert context.new_voice_checksums == ("another",)


# What can be wrong with a window, one by one.


def test_no_rows_is_insufficient_data():
    for rows in (window().iloc[:0], pd.DataFrame(), window(rows=1), window(rows=199)):
        verdict = verdict_on(rows)
        assert verdict.state is VerdictState.INSUFFICIENT_DATA
        assert verdict.rows == len(rows)


def test_no_reference_is_its_own_state():
    start = START
    verdict, evidence = judge(start, start + HOUR, window(), 600, None, [])
    assert (verdict.state, verdict.reference, evidence) == (VerdictState.NO_REFERENCE, None, None)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ReferenceDamaged("its checksum differs"), VerdictState.REFERENCE_DAMAGED),
        (ReferenceIncompatible("format 9"), VerdictState.REFERENCE_INCOMPATIBLE),
    ],
)
def test_a_reference_that_cant_be_used_is_told_with_its_reason(error, state):
    verdict = verdict_on(window(), reference=error)
    assert verdict.state is state
    assert [problem.detail for problem in verdict.problems] == [str(error)]


def test_a_reference_of_another_version_is_incompatible_even_in_memory():
    assert verdict_on(window(), reference=replace(calibrated(), format=9)).state is VerdictState.REFERENCE_INCOMPATIBLE


def vanished(column: str) -> pd.DataFrame:
    rows = window()
    rows[column] = None
    return rows


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("duration", "latency"),
        ("loudness", "loudness"),
        ("queue_wait", "queue_wait"),
        ("seconds_per_character", "seconds_per_character"),
        ("clipping_share", "clipping_share"),
        ("words", "words"),
        ("language", "language"),
        ("provider", "provider"),
        ("endpoint", "endpoint"),
        ("speed", "speed"),
        ("characters", "latency"),
    ],
)
def test_a_column_whose_values_vanish_is_suspected_and_then_drift(field, column):
    for rows in (vanished(field), window().drop(columns=[field])):
        first = verdict_on(rows)
        assert first.state is VerdictState.SUSPECTED
        assert score(first, column).over
        assert (score(first, column).value, score(first, column).method) == (1.0, "missing_share")
        assert (ProblemKind.MISSING_VALUES, column) in kinds(first)
        rows["time"] += HOUR
        assert verdict_on(rows, [first], hours=1).state is VerdictState.DRIFT


def test_rows_without_an_outcome_are_insufficient_data_and_say_why():
    verdict = verdict_on(window().drop(columns=["outcome", "voice", "endpoint", "cache"]))
    assert verdict.state in (VerdictState.INSUFFICIENT_DATA, VerdictState.SUSPECTED)
    assert (ProblemKind.MISSING_COLUMN, "outcome") in kinds(verdict)


def test_not_a_number_everywhere_is_a_state_and_not_a_crash():
    rows = window()
    numbers = rows.select_dtypes("number").columns
    rows[numbers] = np.nan
    verdict = verdict_on(rows)
    assert verdict.state is VerdictState.SUSPECTED
    assert score(verdict, "latency").over


def test_infinities_are_left_out_and_told():
    rows = window()
    rows.loc[rows.index[:20], "duration"] = np.inf
    verdict = verdict_on(rows)
    assert (ProblemKind.NOT_FINITE, "duration") in kinds(verdict)
    assert np.isfinite(score(verdict, "latency").value or np.nan)


def test_a_new_category_is_told_and_many_of_it_are_drift_of_traffic():
    rows = window()
    rows.loc[rows.index[:5], "voice"] = "zed"
    few = verdict_on(rows)
    assert (ProblemKind.NEW_CATEGORY, "voice") in kinds(few)
    assert few.state is VerdictState.STABLE
    rows.loc[rows.index[:300], "voice"] = "zed"
    many = verdict_on(rows, consecutive=1)
    assert many.subjects == (Subject.TRAFFIC,)


def test_a_constant_column_is_told():
    rows = window()
    rows["duration"] = 0.5
    rows["cache"] = "miss"
    rows["characters"] = 100.0
    verdict = verdict_on(rows)
    assert score(verdict, "latency").over
    rows = window()
    rows.loc[:, "queue_wait"] = 0.004
    verdict = verdict_on(rows)
    assert (ProblemKind.CONSTANT, "queue_wait") in kinds(verdict)
    assert score(verdict, "queue_wait").over


def test_a_clock_that_is_off_leaves_no_rows_and_says_so():
    rows = window()
    rows["time"] += timedelta(days=3)
    verdict = verdict_on(rows)
    assert verdict.state is VerdictState.INSUFFICIENT_DATA
    assert (ProblemKind.OUTSIDE_WINDOW, "time") in kinds(verdict)


def test_copies_do_not_make_a_window_of_too_few_rows_enough():
    rows = pd.concat([window(rows=100)] * 3)
    verdict = verdict_on(rows)
    assert verdict.state is VerdictState.INSUFFICIENT_DATA
    assert (ProblemKind.DUPLICATE, "request_id") in kinds(verdict)


def test_a_column_with_few_values_is_told_and_not_judged():
    verdict = verdict_on(window(replace(USUAL, streams=0.02)))
    assert (ProblemKind.FEW_VALUES, "time_to_first_audio") in kinds(verdict)
    assert score(verdict, "time_to_first_audio").value is None


def test_success_below_95_percent_fails_its_test_whatever_the_distance():
    verdict = verdict_on(window(replace(USUAL, errors=0.08)))
    success = next(test for test in verdict.tests if test.name == "success")
    assert not success.ok
    assert success.bound == 0.95
    assert success.value < 0.95
    assert score(verdict, "errors").over


def test_a_p95_of_more_than_one_and_a_half_times_the_usual_fails_its_test():
    verdict = verdict_on(window(replace(USUAL, latency=2.2)))
    p95 = next(test for test in verdict.tests if test.name == "latency_p95")
    assert not p95.ok
    assert p95.value >= p95.bound


# What holds of all verdicts.


def some_verdicts() -> list[Verdict]:
    return [
        *series(USUAL, SLOW, SLOW, None),
        verdict_on(vanished("duration")),
        verdict_on(window(), reference=ReferenceDamaged("x")),
        verdict_on(window(), reference=cold()),
        verdict_on(window(Hour(rows=600, errors=0.2, fallbacks=0.3, clipping=0.4)), consecutive=1),
    ]


def test_it_comes_back_from_json_exactly():
    for verdict in some_verdicts():
        text = encode(verdict)
        assert decode(text) == verdict
        assert encode(decode(text)) == text


def test_the_same_arguments_give_the_same_verdict():
    for _ in range(2):
        assert verdict_on(window(SLOW)) == verdict_on(window(SLOW))
    rows = window(SLOW)
    before = rows.copy()
    verdict_on(rows)
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "x",
        {"version": 1},
        {"version": 2, "state": "stable"},
        {"version": 1, "start": 1, "end": 2},
    ],
)
def test_what_is_not_a_verdict_says_so(data):
    with pytest.raises(VerdictDamaged):
        decode(json.dumps(data))


def test_a_verdict_with_a_field_changed_says_so_or_is_read():
    whole = json.loads(encode(verdict_on(window(SLOW))))
    for name in whole:
        if name == "subjects":
            continue
        with pytest.raises(VerdictDamaged):
            decode(json.dumps({key: value for key, value in whole.items() if key != name}))


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_it_never_raises_for_what_is_in_the_rows(data):
    rows = window(rows=260)
    names = list(rows.columns)
    for name in data.draw(st.lists(st.sampled_from(names), max_size=5, unique=True)):
        values = data.draw(st.lists(JUNK, min_size=1, max_size=8))
        share = data.draw(st.sampled_from([0.02, 0.5, 1.0]))
        spoilt = [values[i % len(values)] if i < share * len(rows) else old for i, old in enumerate(rows[name])]
        rows[name] = pd.Series(spoilt, index=rows.index, dtype=object)
    rows = rows.drop(columns=data.draw(st.lists(st.sampled_from(names), max_size=3, unique=True)))
    rows = rows.iloc[: data.draw(st.sampled_from([0, 1, 199, 260]))]
    verdict = verdict_on(rows)
    assert isinstance(verdict.state, VerdictState)
    assert decode(encode(verdict)) == verdict
