"""Evidently says the same as our distances, it is read by its status, and its report is written."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drift.columns.columns import BY_NAME
from drift.columns.frame import prepare
from drift.reference.reference import Reference
from drift.verdict.drift_tests import plan_tests
from drift.verdict.evidently_report import EvidentlyReport, evaluate
from drift.verdict.judge import judge
from otel.contract.drift_verdict import Subject, VerdictState
from tests.drift_distances import by_distance
from tests.drift_references import START, calibrated, cold, window
from tests.drift_traffic import CHANGES, HOUR, Hour

USUAL = Hour(rows=700)
HOURS = {"usual": USUAL, **{name: change(USUAL) for name, (_, change) in CHANGES.items()}}


def both(rows: pd.DataFrame, reference: Reference) -> tuple[EvidentlyReport, EvidentlyReport]:
    frame = reference.lengths.judged(prepare(rows, START, START + HOUR))
    plan = plan_tests(frame, reference)
    assert plan.drift_tests
    return evaluate(plan, frame, reference), by_distance(plan, frame, reference)


def same(rows: pd.DataFrame, reference: Reference) -> EvidentlyReport:
    theirs, ours = both(rows, reference)
    assert [r.column for r in theirs.distances] == [r.column for r in ours.distances]
    for their, our in zip(theirs.distances, ours.distances, strict=True):
        assert their.value == pytest.approx(our.value, abs=1e-9), their.column
        assert their.over == our.over, their.column
    assert [t.name for t in theirs.tests] == [t.name for t in ours.tests]
    for their, our in zip(theirs.tests, ours.tests, strict=True):
        assert their.value == pytest.approx(our.value, abs=1e-9), their.name
        assert (their.ok, their.bound) == (our.ok, our.bound), their.name
    return theirs


@pytest.mark.parametrize("name", HOURS)
def test_its_numbers_are_ours(name):
    same(window(HOURS[name]), calibrated())


@pytest.mark.parametrize("name", ["usual", "latency x1.5", "voice +10 points"])
def test_so_are_those_of_a_cold_reference(name):
    evidence = same(window(HOURS[name]), cold())
    assert {test.threshold.method.value for test in ask_cold()} == {"psi_deciles"}
    assert evidence.distances


def ask_cold():
    return plan_tests(cold().lengths.judged(prepare(window())), cold()).drift_tests


def test_so_are_those_of_spoilt_rows():
    rows = window(USUAL)
    rows.loc[rows.index[:100], "loudness"] = np.nan
    rows.loc[rows.index[:50], "duration"] = np.inf
    rows.loc[rows.index[:30], "voice"] = "somebody new"
    rows["queue_wait"] = 0.004
    rows["provider"] = None
    evidence = same(rows, calibrated())
    failed = {test.name for test in evidence.tests if not test.ok}
    assert failed >= {"loudness_missing", "provider_missing", "queue_wait_constant"}


def test_a_constant_column_in_the_reference_is_no_trouble():
    reference = calibrated()
    sample = reference.sample.copy()
    sample["value clipping_share"] = np.where(sample["value clipping_share"] == "", "", "none")
    sample["value loudness"] = np.where(np.isnan(sample["value loudness"]), np.nan, 0.0)
    same(window(USUAL), replace(reference, sample=sample))


def test_the_status_decides_and_not_our_arithmetic():
    theirs, _ = both(window(HOURS["loudness -3 dB"]), calibrated())
    over = {reading.column for reading in theirs.distances if reading.over}
    assert "loudness" in over
    assert {BY_NAME[column].subject for column in over} == {Subject.AUDIO}  # one hour may be odd in another one of it


def test_the_report_is_a_page_without_links_and_its_numbers_are_json(tmp_path):
    _, evidence = judge(START, START + HOUR, window(USUAL), 700, calibrated(), [])
    assert evidence is not None
    path = tmp_path / "report.html"
    evidence.save_html(str(path))
    page = path.read_text("utf-8")
    assert len(page) > 100_000
    assert "time_to_first_audio" in page
    told = json.loads(evidence.json())
    assert {metric["config"].get("column") for metric in told["metrics"]} >= {"latency", "voice", "success"}


def test_without_evidently_there_is_no_report(tmp_path):
    evidence = both(window(USUAL), calibrated())[1]
    with pytest.raises(ValueError, match="no report"):
        evidence.save_html(str(tmp_path / "x"))
    with pytest.raises(ValueError, match="no report"):
        evidence.json()


def test_a_verdict_by_evidently_is_the_verdict_by_distance():
    slow = window(replace(USUAL, latency=1.8))
    theirs, evidence = judge(START, START + HOUR, slow, 700, calibrated(), [])
    ours, none = judge(START, START + HOUR, slow, 700, calibrated(), [], evaluation=by_distance)
    assert theirs.state is ours.state is VerdictState.SUSPECTED
    assert [s.over for s in theirs.scores] == [s.over for s in ours.scores]
    assert theirs.segments == ours.segments
    assert evidence is not None
    assert none is not None


def test_a_window_in_which_only_missing_values_can_be_told_needs_no_report():
    rows = window(USUAL)
    keep = ["time", "request_id", "outcome"]
    verdict, _ = judge(START, START + HOUR, rows[keep], 700, calibrated(), [])
    assert verdict.state in (VerdictState.SUSPECTED, VerdictState.INSUFFICIENT_DATA)
    assert verdict.problems
