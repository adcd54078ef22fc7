"""A reference is read as it was stored, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.columns.column import ValueKind
from drift.columns.columns import BY_NAME, COLUMNS
from drift.errors import DriftError, ReferenceDamaged, ReferenceIncompatible
from drift.reference.lengths import Lengths
from drift.reference.reference import METADATA, SAMPLE, Calibration, load
from drift.verdict.judge import judge
from otel.contract.drift_verdict import VerdictState
from tests.drift_distances import by_distance
from tests.drift_references import HOURS, START, calibrated, cold, window
from tests.drift_traffic import HOUR, MONDAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    calibrated().save(tmp_path / "one")
    return tmp_path / "one"


def change(folder: Path, **fields: object) -> None:
    data = json.loads((folder / METADATA).read_text())
    (folder / METADATA).write_text(json.dumps({**data, **fields}))


def test_it_comes_back_as_it_was(folder):
    loaded, reference = load(folder), calibrated()
    assert loaded == reference
    assert loaded.id == reference.id
    assert loaded.checksum == reference.checksum
    for column in COLUMNS:
        np.testing.assert_array_equal(loaded.values(column), reference.values(column), err_msg=column.name)


def test_a_cold_one_too(tmp_path):
    cold().save(tmp_path)
    assert load(tmp_path) == cold()
    assert load(tmp_path).state is Calibration.COLD


def test_its_name_says_when_and_which(folder):
    reference = load(folder)
    assert reference.start == MONDAY
    assert reference.end == MONDAY + HOURS * HOUR
    assert reference.id == f"20261005T0000Z-20261007T0000Z-{reference.checksum[:8]}"


def test_one_of_another_version_is_incompatible(folder):
    change(folder, format=999)
    with pytest.raises(ReferenceIncompatible, match="999"):
        load(folder)


@pytest.mark.parametrize("name", [METADATA, SAMPLE])
@pytest.mark.parametrize("damage", ["missing", "empty", "torn", "junk"])
def test_a_damaged_one_says_so(folder, name, damage):
    path = folder / name
    whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "torn":
            path.write_bytes(whole[: len(whole) // 2])
        case "junk":
            path.write_bytes(b"\x00junk" * 100)
    with pytest.raises(ReferenceDamaged, match=folder.name):
        load(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"windows": 1},
        {"state": "cold"},
        {"state": "warm"},
        {"thresholds": {}},
        {"thresholds": {"latency": {"200": [9.9]}}},
        {"bounds": None},
        {"lengths": []},
        {"created": "yesterday"},
        {"checksum": "0" * 64},
    ],
)
def test_one_that_somebody_has_changed_says_so(folder, fields):
    change(folder, **fields)
    with pytest.raises(ReferenceDamaged):
        load(folder)


def test_a_sample_that_somebody_has_changed_says_so(folder):
    sample = pd.read_parquet(folder / SAMPLE)
    sample.loc[0, "value loudness"] = 0.0
    sample.to_parquet(folder / SAMPLE, index=False)
    with pytest.raises(ReferenceDamaged, match="checksum"):
        load(folder)


def test_every_metadata_value_is_under_the_checksum():
    reference = calibrated()
    for changed in (
        replace(reference, windows=1),
        replace(reference, typical={}),
        replace(reference, builds=("x",)),
        replace(reference, sample=reference.sample.iloc[:-1]),
    ):
        assert changed.sealed().checksum != reference.checksum


def test_one_from_before_a_column_is_read_and_says_nothing_of_it(tmp_path):
    whole = calibrated()
    older = replace(
        whole,
        thresholds={name: by_size for name, by_size in whole.thresholds.items() if name != "loudness"},
        bounds={name: bounds for name, bounds in whole.bounds.items() if name != "loudness"},
        lengths=Lengths(
            {name: curves for name, curves in whole.lengths.curves.items() if name != "loudness"},
            {name: offsets for name, offsets in whole.lengths.offsets.items() if name != "loudness"},
        ),
        sample=whole.sample.drop(columns=["value loudness"]),
    ).sealed()
    older.save(tmp_path)
    reference = load(tmp_path)
    assert reference.checksum == older.checksum
    assert not len(reference.values(BY_NAME["loudness"]))
    verdict, _ = judge(START, START + HOUR, window(), 600, reference, [], evaluation=by_distance)
    assert verdict.state is VerdictState.STABLE
    [score] = [score for score in verdict.scores if score.column == "loudness"]
    assert score.value is None


def test_both_errors_are_the_drift_jobs_own():
    assert issubclass(ReferenceDamaged, DriftError)
    assert issubclass(ReferenceIncompatible, DriftError)


def test_numbers_of_the_sample_are_finite_and_ascend():
    for column in COLUMNS:
        values = calibrated().values(column)
        assert len(values)
        if column.kind is ValueKind.NUMBER:
            assert np.isfinite(values).all()
            assert (np.diff(values) >= 0).all()
