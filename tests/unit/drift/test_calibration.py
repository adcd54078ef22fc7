"""Thresholds come from how far the service's own windows are from each other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drift.columns.column import ValueKind
from drift.columns.columns import BY_NAME, COLUMNS
from drift.errors import ReferenceImpossible
from drift.reference.calibration import calibrate
from drift.reference.reference import Calibration, Method
from drift.reference.thresholds import FLOOR, LEAST_AT_SIZE, STABILITY
from tests.drift_references import HOURS, calibrated, cold, window
from tests.drift_traffic import HOUR, MONDAY, Service, week


def test_a_week_makes_a_calibrated_reference_of_all_columns():
    reference = calibrated()
    assert reference.state is Calibration.CALIBRATED
    assert reference.windows == HOURS
    for column in COLUMNS:
        thresholds = reference.thresholds[column.name]
        assert thresholds, column.name
        for size, threshold in thresholds.items():
            expected = Method.WASSERSTEIN if column.kind is ValueKind.NUMBER else Method.JENSEN_SHANNON
            assert threshold.method is expected, (column.name, size)
            assert threshold.windows >= LEAST_AT_SIZE
            assert threshold.value >= FLOOR
            assert threshold.value >= threshold.mean + 4 * threshold.deviation
            assert threshold.sure >= threshold.value


def test_fewer_values_scatter_more_and_are_allowed_more():
    for column in ("words", "voice", "errors"):
        small, large = (calibrated().thresholds[column][size].mean for size in (200, 500))
        assert small > large


def test_between_two_sizes_a_threshold_is_between_theirs():
    reference, words = calibrated(), BY_NAME["words"]
    small, large = (reference.thresholds["words"][size].value for size in (200, 500))
    assert reference.threshold(words, 99) is None
    assert reference.threshold(words, 200).value == small
    assert large < reference.threshold(words, 350).value < small
    assert reference.threshold(words, 10**6).value == large


def test_a_day_makes_a_cold_one_with_fixed_thresholds():
    reference = cold()
    assert reference.state is Calibration.COLD
    for column in COLUMNS:
        for threshold in reference.thresholds[column.name].values():
            assert threshold.method is Method.STABILITY
            assert threshold.value >= STABILITY


def test_windows_without_enough_rows_do_not_count():
    windows = [(MONDAY, window(rows=100)), (MONDAY + HOUR, window(rows=100))]
    with pytest.raises(ReferenceImpossible, match="200"):
        calibrate(windows)
    with pytest.raises(ReferenceImpossible):
        calibrate([])


def test_a_single_window_makes_a_cold_reference():
    rows = window()
    start = rows["time"].min().to_pydatetime().replace(minute=0, second=0, microsecond=0)
    reference = calibrate([(start, rows)])
    assert (reference.state, reference.windows, reference.rows) == (Calibration.COLD, 1, 600)


def test_windows_are_read_one_after_the_other():
    held: list[int] = []

    def windows():
        for number, (start, rows) in enumerate(week(Service(9, rows=300, steady=True), 5)):
            held.append(number)
            yield start, rows

    calibrate(windows())
    assert held == [0, 1, 2, 3, 4]


def test_windows_of_another_length_are_calibrated_too():
    minutes = []
    for number, (_, rows) in enumerate(week(Service(9, rows=300, steady=True), 3)):
        start = MONDAY + number * timedelta(seconds=60)
        rows["time"] = start + (rows["time"] - rows["time"].min()) / 3600
        minutes.append((start, rows))
    reference = calibrate(minutes, window_seconds=60)
    assert reference.rows == 900
    assert reference.end - reference.start == timedelta(seconds=180)


def test_the_same_windows_make_the_same_reference():
    one, other = (calibrate(week(Service(9, rows=300, steady=True), 5), created=MONDAY) for _ in range(2))
    assert one.checksum == other.checksum


def test_the_reference_knows_builds_voices_and_medians():
    reference = calibrated()
    assert reference.builds == ("0.1.0",)
    assert "sum-joe" in reference.voice_checksums
    assert reference.typical["loudness"] == pytest.approx(-24.4, abs=1)
    assert reference.typical["words"] == pytest.approx(20, abs=2)
