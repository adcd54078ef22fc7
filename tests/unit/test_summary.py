"""GET /metrics: exact counts, quantiles within one per cent, memory that does not grow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel.contract.values import Outcome
from server.errors import UnknownVoice
from server.record import RequestRecord, Synthesis
from server.telemetry.summary import Summary
from server.utterance import Utterance
from tests.fake_clock import Clock
from tests.humming_provider import JOE


def spoken(words: int, seconds: float) -> RequestRecord:
    record = RequestRecord("id", "/tts", "POST", received=1)
    record.synthesis = Synthesis(Utterance("x" * words, JOE, "en", words, words))
    record.first_audio = record.ready = 1 + int(seconds * 1e9)
    record.finish(Outcome.OK, 200)
    return record


def closed(summary: Summary, record: RequestRecord) -> None:
    summary.open()
    summary.close(record)


def test_quantiles_are_within_one_per_cent() -> None:
    summary = Summary()
    generator = random.Random(3)
    durations = sorted(generator.lognormvariate(0, 1) for _ in range(5000))
    for duration in durations:
        closed(summary, spoken(5, duration))
    row = summary.describe({})["by_word_count_range"]["1-10"]
    assert row["count"] == 5000
    assert row["avg"] == pytest.approx(sum(durations) / 5000)
    assert (row["min"], row["max"]) == (pytest.approx(durations[0]), pytest.approx(durations[-1]))
    assert row["p95"] == pytest.approx(durations[4749], rel=0.011)
    assert row["p99"] == pytest.approx(durations[4949], rel=0.011)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50))
def test_no_quantile_is_outside_the_extremes(durations: list[float]) -> None:
    summary = Summary()
    for duration in durations:
        closed(summary, spoken(5, duration))
    row = summary.describe({})["by_word_count_range"]["1-10"]
    assert row["min"] <= row["p95"] <= row["p99"] <= row["max"]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=200))
def test_a_quantile_is_that_of_the_nearest_rank(durations: list[float]) -> None:
    summary = Summary()
    for duration in durations:
        closed(summary, spoken(5, duration))
    row = summary.describe({})["by_word_count_range"]["1-10"]
    for name, percent in (("p95", 95), ("p99", 99)):
        rank = -(-percent * len(durations) // 100)
        assert row[name] == pytest.approx(sorted(durations)[rank - 1], rel=0.011)


def test_a_single_request_is_its_own_quantile() -> None:
    summary = Summary()
    closed(summary, spoken(5, 0.123))
    row = summary.describe({})["by_word_count_range"]["1-10"]
    assert row["p95"] == row["p99"] == row["min"] == row["max"]


def test_an_empty_range_has_a_count_and_nothing_else() -> None:
    row = Summary().describe({})["by_word_count_range"]["200+"]
    assert row == {"count": 0, "avg": None, "min": None, "max": None, "p95": None, "p99": None}


def test_outcomes_add_up() -> None:
    summary = Summary()
    closed(summary, spoken(5, 0.1))
    refused = RequestRecord("id", "/tts", "POST")
    refused.finish(Outcome.REJECTED, 404, UnknownVoice("there is no such voice"))
    closed(summary, refused)
    described = summary.describe({})
    assert (described["total_requests"], described["successful_requests"], described["rejected_requests"]) == (2, 1, 1)
    assert described["errors_by_type"] == {"unknown_voice": 1}
    assert described["top_voices"] == [{"voice_name": "joe", "requests": 1}]


def test_the_rate_is_of_the_last_minute() -> None:
    clock = Clock()
    summary = Summary(clock)
    for _ in range(120):
        clock.now += 1
        closed(summary, spoken(5, 0.1))
    assert summary.describe({})["requests_per_minute"] == 60
    clock.now += 61
    assert summary.describe({})["requests_per_minute"] == 0


def test_a_voice_is_active_for_an_hour() -> None:
    clock = Clock()
    summary = Summary(clock)
    closed(summary, spoken(5, 0.1))
    assert summary.active_voices == 1
    clock.now += 3601
    assert summary.active_voices == 0


def test_a_request_that_has_not_ended_cannot_be_closed() -> None:
    with pytest.raises(ValueError, match="outcome"):
        Summary().close(RequestRecord("id", "/tts", "POST"))
