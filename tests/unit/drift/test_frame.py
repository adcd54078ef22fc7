"""Rows become columns whatever they hold, and what is wrong with them is named."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.columns.column import ValueKind
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS
from drift.columns.frame import prepare
from otel.contract.drift_verdict import ProblemKind
from tests.drift_references import START, window
from tests.drift_traffic import HOUR
from tests.examples import examples

END = START + HOUR


def problems(rows: pd.DataFrame) -> dict[tuple[str, str | None], int]:
    return {(p.kind.value, p.column): p.count for p in prepare(rows, START, END).problems}


def one(**fields: object) -> pd.DataFrame:
    """A request that went well, but for ``fields``."""
    usual = {
        "time": pd.Timestamp(START),
        "request_id": "1",
        "endpoint": "/tts",
        "status": 200,
        "outcome": "ok",
        "voice": "joe",
        "language": "en",
        "speed": 1.0,
        "words": 20,
        "characters": 100,
        "word_range": "11-25",
        "streamed": False,
        "duration": 0.5,
        "time_to_first_audio": 0.5,
        "real_time_factor": 0.1,
        "provider": "coqui",
        "fallback_from": None,
        "cache": "miss",
        "loudness": -25.0,
        "silence_share": 0.2,
        "clipping_share": 0.0,
        "seconds_per_character": 0.055,
        "audio_faults": None,
        "build": "1",
        "error_type": None,
        "queue_wait": 0.01,
    }
    return pd.DataFrame([{**usual, **fields}])


def value(name: str, rows: pd.DataFrame) -> object:
    """The column's value of the only row; None where it does not apply."""
    frame = prepare(rows)
    return frame.values[name][0] if frame.present(BY_NAME[name])[0] else None


def test_ordinary_rows_have_no_problems_and_all_columns():
    frame = prepare(window(), START, END)
    assert frame.problems == ()
    assert frame.rows == 600
    for column in COLUMNS:
        assert len(frame.values[column.name]) == len(frame.applies[column.name]) == 600
        assert frame.values[column.name].dtype == (np.float64 if column.kind is ValueKind.NUMBER else object)
        assert frame.present(column).any(), column.name
    assert set(frame.by) == set(DIMENSIONS)


@pytest.mark.parametrize(
    ("fields", "column", "expected"),
    [
        ({}, "errors", "ok"),
        ({"outcome": "error"}, "errors", "error"),
        ({"outcome": "cancelled"}, "errors", None),
        ({"outcome": "rejected", "status": 429}, "errors", None),
        ({"outcome": "rejected", "status": 429}, "rejections", "refused"),
        ({"outcome": "rejected", "status": 503}, "rejections", "refused"),
        ({"outcome": "rejected", "status": 422}, "rejections", None),
        ({"outcome": "rejected", "status": 422}, "invalid_requests", "invalid"),
        ({"outcome": "rejected", "status": 429}, "invalid_requests", "valid"),
        ({"outcome": "cancelled"}, "rejections", None),
        ({"outcome": "error"}, "latency", None),
        ({"cache": "hit"}, "real_time_factor", None),
        ({"cache": "hit"}, "loudness", None),
        ({"cache": "coalesced"}, "loudness", None),
        ({"streamed": False}, "time_to_first_audio", None),
        ({"speed": 1.25}, "speed", "faster"),
        ({"speed": 0.5}, "speed", "slower"),
        ({"speed": 1.0}, "speed", "own"),
        ({}, "fallbacks", "first"),
        ({"fallback_from": "onnx"}, "fallbacks", "fallback"),
        ({"clipping_share": 0.0}, "clipping_share", "none"),
        ({"clipping_share": 0.0005}, "clipping_share", "some"),
        ({"clipping_share": 0.002}, "clipping_share", "distorted"),
        ({"audio_faults": "clipped,truncated"}, "audio_faults", "clipped"),
        ({}, "audio_faults", "none"),
        ({"voice": None}, "words", None),
        ({"cache": None}, "cache", None),
    ],
)
def test_only_requests_to_which_a_column_applies_count(fields, column, expected):
    assert value(column, one(**fields)) == expected


def test_a_column_by_ratios_is_a_logarithm_that_raw_undoes():
    frame = prepare(one(duration=0.5))
    assert BY_NAME["latency"].raw(frame.values["latency"][0]) == pytest.approx(0.5)
    assert BY_NAME["loudness"].raw(prepare(one()).values["loudness"][0]) == -25.0


def test_a_length_is_of_what_is_spoken_at_the_pace_asked_for():
    assert prepare(one(characters=1000)).length[0] == pytest.approx(3)
    assert prepare(one(characters=1000, speed=2.0)).length[0] == pytest.approx(3 - np.log10(2))
    assert np.isnan(prepare(one(characters=None)).length[0])


def test_a_field_that_is_not_there_is_named():
    found = problems(window().drop(columns=["duration", "voice"]))
    assert found[ProblemKind.MISSING_COLUMN, "duration"] == 600
    assert (ProblemKind.MISSING_COLUMN, "voice") in found


def test_no_rows_are_no_problem():
    assert prepare(window().iloc[:0], START, END).rows == 0
    assert prepare(pd.DataFrame()).rows == 0


def test_infinite_and_negative_and_impossible_values_are_left_out_and_counted():
    rows = window()
    rows.loc[rows.index[0], "duration"] = np.inf
    rows.loc[rows.index[1:3], "duration"] = -1.0  # a clock that went back
    rows.loc[rows.index[3], "silence_share"] = 1.5
    found = problems(rows)
    assert found[ProblemKind.NOT_FINITE, "duration"] == 1
    assert found[ProblemKind.OUT_OF_RANGE, "duration"] == 2
    assert found[ProblemKind.OUT_OF_RANGE, "silence_share"] == 1
    assert not np.isinf(prepare(rows).values["latency"]).any()


def test_what_is_not_a_number_is_left_out_and_counted():
    rows = window()
    rows["duration"] = rows["duration"].astype(object)
    rows.loc[rows.index[0], "duration"] = "fast"
    rows.at[rows.index[1], "duration"] = [1, 2]
    rows.loc[rows.index[2], "duration"] = Decimal("0.5")
    assert problems(rows)[ProblemKind.NOT_A_NUMBER, "duration"] == 2


def test_rows_of_another_time_are_left_out_and_counted():
    rows = window()
    rows.loc[rows.index[:5], "time"] = rows["time"] + timedelta(days=1)
    rows.loc[rows.index[5:7], "time"] = pd.NaT
    assert problems(rows)[ProblemKind.OUTSIDE_WINDOW, "time"] == 7
    assert prepare(rows, START, END).rows == 593


def test_copies_of_a_row_count_once_but_an_id_may_come_again():
    rows = window()
    twice = pd.concat([rows, rows.iloc[:10]])
    assert problems(twice)[ProblemKind.DUPLICATE, "request_id"] == 10
    assert prepare(twice, START, END).rows == 600
    again = rows.copy()
    again["request_id"] = "the caller's own"
    again["time"] = pd.to_datetime([START + timedelta(seconds=number) for number in range(600)])
    assert prepare(again, START, END).rows == 600


def test_the_types_that_the_store_gives_are_read_like_plain_ones():
    plain = window()
    stored = plain.copy()
    for name in ("words", "characters", "status"):
        stored[name] = stored[name].astype("Int64")
    stored["streamed"] = stored["streamed"].astype("boolean")
    for name in ("voice", "outcome", "cache"):
        stored[name] = stored[name].astype("str")
    one_frame, other = prepare(plain, START, END), prepare(stored, START, END)
    assert other.problems == ()
    for column in COLUMNS:
        np.testing.assert_array_equal(one_frame.values[column.name], other.values[column.name], err_msg=column.name)


JUNK = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=200),
    st.binary(max_size=5),
    st.just(pd.NaT),
    st.just(pd.NA),
    st.lists(st.integers(), max_size=2),
    st.just(Decimal("NaN")),
    st.complex_numbers(),
    st.datetimes(),
)


@settings(deadline=None, max_examples=examples(150))
@given(st.data())
def test_nothing_in_a_row_can_break_it(data):
    rows = window(rows=20)
    for name in data.draw(st.lists(st.sampled_from(list(rows.columns)), max_size=6, unique=True)):
        rows[name] = pd.Series(data.draw(st.lists(JUNK, min_size=20, max_size=20)), index=rows.index, dtype=object)
    rows = rows.drop(columns=data.draw(st.lists(st.sampled_from(list(rows.columns)), max_size=3, unique=True)))
    frame = prepare(rows, START, END)
    for column in COLUMNS:
        assert len(frame.values[column.name]) == frame.rows
        if column.kind is ValueKind.NUMBER:
            assert not np.isinf(frame.values[column.name]).any()
        else:
            assert all(isinstance(word, str) for word in frame.values[column.name])
