"""The sequential tests: what they find and how soon, what does not fool them, and what hostile values can't break."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import msgspec
import numpy as np
import pandas as pd
import pytest

from drift.sequential.budget import DAYS_PER_FALSE_ALARM, DIMENSIONS, MEASURES, weight_of_second
from drift.sequential.change import LASTING_SECONDS
from drift.sequential.expectation import Expectation, key_of
from drift.sequential.levels import BLOCK, LevelDetector, LevelModel
from drift.sequential.monitor import MOST_SERIES, Monitor
from drift.sequential.news import report_text
from drift.sequential.request_values import request_values
from drift.sequential.shares import RECENT, ShareDetector, largest_usual
from otel.contract.drift_changes import ChangeMeasure, Dimension
from tests.drift_changes import changed, delay, expectation_of, quiet
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of, week

SERVICE = Service(7, rows=300)
MODEL = LevelModel(noise=0.2, step=0.003, memory=0.6)
PER_REQUEST = 1e-8
"""A weight as a service with 100,000 requests a day has it."""


@pytest.fixture(scope="module")
def expectation() -> Expectation:
    return expectation_of(SERVICE, 60)


def residuals(count: int, level: float, seed: int = 0) -> list[float]:
    return (level + np.random.default_rng(seed).normal(0, MODEL.noise, count)).tolist()


def fed(detector: LevelDetector, values: list[float], start: float = 0.0, pause: float = 3.6) -> list:
    times = [start + number * pause for number in range(len(values))]
    return detector.feed(times, values, [PER_REQUEST] * len(values), MODEL)


def test_the_weights_of_a_request_are_at_most_the_time_that_it_stands_for() -> None:
    """The theorem of budget.py: the sum of all weights in 1,000 days is at most 1."""
    second = 1.0 / (DAYS_PER_FALSE_ALARM * 86_400)
    total = sum(weight_of_second(m, d) * (2 if d is Dimension.PROVIDER else 1) for m in MEASURES for d in DIMENSIONS[m])
    assert total == pytest.approx(second)


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_bets_gain_nothing_while_the_mean_is_at_its_bound(share: float) -> None:
    """The assumption of shares.py, for any values from 0 to 1: the mean of each factor is at most 1."""
    from drift.sequential.shares import RISES as GRID
    from drift.sequential.shares import _factors

    many = np.random.default_rng(1).beta(0.3, 0.3, 1000)
    cases = [
        (np.array([1.0, 0.0]), np.array([share, 1 - share])),
        (np.clip(many * share / many.mean(), 0, 1), np.full(1000, 1e-3)),
        (np.array([share]), np.array([1.0])),
    ]
    for values, chances in cases:
        for rise in GRID:
            one, zero = _factors(share, rise)
            assert float(np.exp(zero + values * (one - zero)) @ chances) <= 1 + 1e-12


def test_a_start_has_a_likelihood_ratio_of_mean_one_at_any_time() -> None:
    """The assumption of levels.py, by simulation of its model: the ratio is a martingale."""
    from drift.sequential.levels import Start

    rng = np.random.default_rng(2)
    model, chance = LevelModel(noise=0.2, step=0.09, memory=0.5), 1 - math.exp(-0.25)
    ratios = {4: [], 64: []}
    for _ in range(4000):
        jump = rng.normal(0, math.sqrt(0.02 + model.steps(1.0) * (rng.random() < chance)))
        start = Start(0.0, 0.0, 0.02, 0.25, 1.0)
        values = jump + rng.normal(0, 0.2, 64)
        for count, known in ratios.items():
            start.count, start.total = count, float(values[:count].sum())
            known.append(start.evidence(0.0, model))
    for known in ratios.values():
        assert np.mean(known) < 1.0 + 3 * np.std(known) / math.sqrt(len(known))
        assert np.mean(known) > 0.3  # a ratio that always is 0 would promise everything


def test_a_slower_service_is_found_and_so_is_its_end() -> None:
    detector = LevelDetector()
    assert fed(detector, residuals(2000, 0.0)) == []
    (begun,) = fed(detector, residuals(150, math.log(1.5), 1), 7200.0)
    assert begun.ended is None
    assert begun.found - 7200.0 <= 100 * 3.6
    assert abs(begun.since - 7200.0) <= 2 * BLOCK * 3.6
    assert begun.low < begun.before + math.log(1.5) < begun.high
    (ended,) = fed(detector, residuals(200, 0.0, 2), 7740.0)
    assert ended.ended is not None
    assert ended.since == begun.since
    assert fed(detector, residuals(1000, 0.0, 3), 9000.0) == []


def test_levels_that_move_slowly_are_usual() -> None:
    """A day of sine waves of 15 %, and steps of two ordinary deviations each hour."""
    detector = LevelDetector()
    for hour in range(72):
        level = 0.1 * math.sin(hour / 24 * 2 * math.pi) + 0.05 * (-1) ** hour
        assert fed(detector, residuals(1000, level, hour), hour * 3600.0) == []


def test_a_change_that_lasts_a_day_becomes_usual() -> None:
    detector = LevelDetector()
    fed(detector, residuals(500, 0.0))
    (begun,) = fed(detector, residuals(200, 1.0, 1), 1800.0)
    (ended,) = fed(detector, residuals(200, 1.0, 2), begun.found + LASTING_SECONDS)
    assert ended.is_lasting(ended.ended)


def test_one_absurd_request_is_not_a_change() -> None:
    detector = LevelDetector()
    fed(detector, residuals(500, 0.0))
    for number in range(20):
        assert fed(detector, [50.0, *residuals(BLOCK * 4, 0.0, number)], 3600.0 + 300.0 * number) == []


@pytest.mark.parametrize(("share", "most"), [(1.0, 8), (0.7, 20), (0.2, 120)])
def test_failures_are_found(share: float, most: int) -> None:
    found, outside = [], 0
    for seed in range(20):
        rng, detector = np.random.default_rng(seed), ShareDetector()
        usual = (rng.random(3000) < 0.005).astype(float).tolist()
        assert detector.feed(range(3000), usual, [PER_REQUEST] * 3000, 0.005, 0.02) == []
        values = (rng.random(400) < share).astype(float).tolist()
        begun = detector.feed(range(3000, 3400), values, [PER_REQUEST] * 400, 0.005, 0.02)
        found.append(begun[0].found - 2999)
        outside += not begun[0].low <= share <= begun[0].high
    assert np.median(found) <= most
    assert outside <= 3  # an interval of 95 %, of values that were few when they became certain


def test_failures_that_end_are_said_to_end() -> None:
    detector = ShareDetector()
    (begun,) = detector.feed(range(20), [1.0] * 20, [PER_REQUEST] * 20, 0.005, 0.02)
    (ended,) = detector.feed(range(20, 90), [0.0] * 70, [PER_REQUEST] * 70, 0.005, 0.02)
    assert ended.since == begun.since
    assert ended.ended == 19 + RECENT - 1  # one failure in 50 is within the bound


def test_the_bound_of_a_share_is_four_times_its_odds() -> None:
    assert largest_usual(0.001, 0.01) == 0.01
    assert largest_usual(0.1, 0.01) == pytest.approx(4 / 13)
    assert largest_usual(1.0, 0.01) < 1


def test_a_day_and_night_without_a_change_gives_no_alarm(expectation: Expectation) -> None:
    result = quiet(SERVICE, expectation, 36, first=60, renewed=0)
    assert result.hours == 36
    assert result.alarms == 0, result.reports


@pytest.mark.parametrize(
    ("fault", "measure", "dimension", "value", "most"),
    [
        ({"latency": 2.0}, ChangeMeasure.LATENCY, Dimension.SERVICE, "", 100),
        ({"errors": 0.7}, ChangeMeasure.FAILURES, Dimension.SERVICE, "", 40),
        ({"fallbacks": 1.0}, ChangeMeasure.FAILURES, Dimension.PROVIDER, "coqui", 20),
    ],
)
def test_a_change_of_real_rows_is_found_with_its_build(  # noqa: PLR0917 - a table
    expectation: Expectation,
    fault: dict[str, float],
    measure: ChangeMeasure,
    dimension: Dimension,
    value: str,
    most: int,
) -> None:
    reports, after = changed(SERVICE, expectation, lambda hour: replace(hour, **fault), 1, build="0.2.0")
    count, report = delay(reports, after)
    assert report is not None
    assert (report.measure, report.dimension, report.value, report.build) == (measure, dimension, value, "0.2.0")
    assert count <= most
    assert "since build 0.2.0" in report_text(report)


def test_a_change_of_one_voice_names_it(expectation: Expectation) -> None:
    monitor, reports = Monitor(), []
    for number, (start, rows) in enumerate(week(SERVICE, 68, first=60)):
        if number >= 4:
            rows.loc[(rows["voice"] == "amy") & (rows["cache"] == "miss"), "duration"] *= 2
        reports += monitor.feed(request_values(rows), expectation, (start + HOUR).timestamp())
    voices = [report for report in reports if report.dimension is Dimension.VOICE]
    assert {report.value for report in voices} == {"amy"}
    assert "voice amy is" in report_text(voices[0])
    assert "times slower for the same text" in report_text(voices[0])


def test_misheard_words_are_found_where_clips_are_checked(expectation: Expectation) -> None:
    monitor, reports = Monitor(), []
    rng = np.random.default_rng(5)
    for number, (start, rows) in enumerate(week(SERVICE, 64, first=60)):
        rates = rng.beta(0.2, 6, len(rows)) if number < 2 else rng.beta(2, 2, len(rows))
        rows["word_error_rate"] = np.where(rng.random(len(rows)) < 0.3, rates, np.nan)
        reports += monitor.feed(request_values(rows), expectation, (start + HOUR).timestamp())
    assert reports[0].measure is ChangeMeasure.WORD_ERROR_RATE
    assert reports[0].change.since >= (MONDAY + 62 * HOUR).timestamp()


def test_the_state_survives_being_stored_at_any_time(expectation: Expectation) -> None:
    """Batch by batch with a restart after each, and all at once: the same."""
    whole, parts = Monitor(), Monitor()
    start, rows = next(iter(week(SERVICE, 61, first=60)))
    altered = rows_of(Hour(rows=300, latency=2.0), start + HOUR, np.random.default_rng(3))
    rows = pd.concat([rows, altered], ignore_index=True)
    now = (start + 2 * HOUR).timestamp()
    expected = whole.feed(request_values(rows), expectation, now)
    reports = []
    for begin in range(0, len(rows), 37):
        reports += parts.feed(request_values(rows.iloc[begin : begin + 37]), expectation, now)
        parts = msgspec.json.decode(msgspec.json.encode(parts), type=Monitor)
    assert expected
    key = lambda report: (report.key, report.change.found)  # noqa: E731
    for a, b in zip(sorted(reports, key=key), sorted(expected, key=key), strict=True):
        assert a.key == b.key
        assert a.change.after == pytest.approx(b.change.after)
        assert a.change.since == b.change.since


def test_hostile_values_break_nothing_and_are_no_change(expectation: Expectation) -> None:
    monitor = Monitor()
    start, rows = next(iter(week(SERVICE, 61, first=60)))
    rows = rows.astype({"duration": object, "characters": object})
    rng = np.random.default_rng(4)
    for place in range(0, len(rows), 9):
        bad = [math.nan, -5.0, math.inf, 1e300, "soon", None, 0.0][int(rng.integers(7))]
        rows.at[place, "duration"] = bad
        rows.at[place, "characters"] = bad
    rows["word_error_rate"] = [[math.nan, -1.0, 7.0, math.inf, None][n % 5] for n in range(len(rows))]
    far = rows.iloc[:5].copy()
    far["time"] = pd.Timestamp("2099-01-01", tz="UTC")
    far["request_id"] = far["request_id"] + "f"
    old = rows.iloc[:5].copy()
    old["time"] = pd.Timestamp("2020-01-02", tz="UTC")
    old["request_id"] = old["request_id"] + "o"
    known = request_values(pd.concat([old, rows, far], ignore_index=True))
    reports = monitor.feed(known, expectation, (start + HOUR).timestamp())
    assert {report.measure for report in reports} <= {ChangeMeasure.WORD_ERROR_RATE}  # those are all misheard
    assert monitor.time < (start + HOUR + timedelta(minutes=5)).timestamp()
    assert monitor.feed(request_values(rows.iloc[:0]), expectation, 0.0) == []


def test_invented_names_do_not_take_memory(expectation: Expectation) -> None:
    monitor = Monitor()
    start, rows = next(iter(week(SERVICE, 61, first=60)))
    for batch in range(8):
        named = rows.copy()
        named["voice"] = [f"voice-{batch}-{n}" for n in range(len(rows))]
        named["build"] = [f"build-{batch}-{n}" for n in range(len(rows))]
        monitor.feed(request_values(named), expectation, (start + HOUR).timestamp())
    assert len(monitor.shares) <= MOST_SERIES + 2
    assert len(monitor.builds) <= 64
    assert key_of(ChangeMeasure.FAILURES, Dimension.SERVICE) in monitor.shares
