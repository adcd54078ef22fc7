"""The state folder in format 1, as an earlier version wrote it, is read whole and written again byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drift.state.state_folder import OUTPUTS, VERDICT, StateFolder, write_outputs, write_verdict
from otel.contract.drift_verdict import VerdictState

STORED = Path(__file__).parent / "format_1"
DRIFT, FEW = "2026-10-06T12-00-00Z", "2026-10-06T13-00-00Z"
REFERENCE = "20261005T0000Z-20261006T1000Z-1dbdf787"


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    shutil.copytree(STORED, tmp_path / "state")
    return StateFolder.open(tmp_path / "state")


def test_a_verdict_has_all_that_was_stored(state: StateFolder) -> None:
    verdict = state.verdict(DRIFT)
    assert (verdict.state, verdict.rows, verdict.reference) == (VerdictState.DRIFT, 600, REFERENCE)
    assert len(verdict.scores) == 21
    assert len(verdict.problems) == 12
    assert {segment.column for segment in verdict.segments} < {score.column for score in verdict.scores}
    assert verdict.context.new_builds == ("0.2.0",)
    assert "latency" in {score.column for score in verdict.detected}
    assert [verdict.state for verdict in state.verdicts(most=9)] == [VerdictState.DRIFT, VerdictState.INSUFFICIENT_DATA]


@pytest.mark.parametrize("name", [DRIFT, FEW])
def test_verdicts_and_outputs_are_written_as_they_were(state: StateFolder, name: str, tmp_path: Path) -> None:
    write_verdict(tmp_path, state.verdict(name))
    write_outputs(tmp_path, state.outputs(name))
    for file in (VERDICT, OUTPUTS):
        assert (tmp_path / file).read_bytes() == (STORED / "windows" / name / file).read_bytes()


def test_a_reference_keeps_its_checksum_and_is_written_as_it_was(state: StateFolder, tmp_path: Path) -> None:
    reference = state.reference()
    assert reference is not None
    assert reference.id == REFERENCE
    assert reference.sealed().checksum == reference.checksum
    reference.save(tmp_path / "again")
    stored = STORED / "references" / REFERENCE / "reference.json"
    assert (tmp_path / "again" / "reference.json").read_bytes() == stored.read_bytes()


def test_so_are_the_last_run_and_the_clock(state: StateFolder) -> None:
    run, doubted = state.last_run(), state.doubted()
    assert run is not None
    assert doubted is not None
    (state.folder / "last_run.json").unlink()
    state.doubt(None)
    state.note_run(run)
    state.doubt(doubted)
    for file in ("last_run.json", "clock.json"):
        assert (state.folder / file).read_bytes() == (STORED / file).read_bytes()
