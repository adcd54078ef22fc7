"""A service with a nightly batch in its reference week: the batch is no drift, and what is small is found around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from drift.reference import reference as references
from drift.reports import page, wording
from drift.verdict.verdict_json import decode, encode
from otel.contract.drift_verdict import Verdict, VerdictState
from tests.drift_references import calibrated
from tests.drift_services import FAULTS, NIGHTLY_SERVICE, hours_until_found, nightly_reference
from tests.drift_simulation import WEEK, judged
from tests.drift_traffic import HOUR


@cache
def two_nights() -> Sequence[Verdict]:
    """The verdicts from 00:00 to 06:00 on two days."""
    found: list[Verdict] = []
    for day in (0, 1):
        first = WEEK + 24 * day
        found += judged(nightly_reference(), NIGHTLY_SERVICE.windows(first + 6, first), found)
    return found


def test_a_batch_that_was_there_in_the_past_is_no_drift():
    assert {verdict.state for verdict in two_nights()} == {VerdictState.STABLE}


def test_a_verdict_says_what_it_was_compared_with_and_why():
    compared = {verdict.start.hour: verdict.context.compared_with for verdict in two_nights()}
    assert {hour: hours.hours for hour, hours in compared.items()} == {
        hour: "every day 02:00-04:00" if hour in (2, 3) else "all other hours" for hour in range(6)
    }
    assert compared[2].windows == 14
    assert compared[2].reason.startswith("in the past 7 days, hours differ in ")
    night = next(verdict for verdict in two_nights() if verdict.start.hour == 2)
    assert "Compared with every day 02:00-04:00 UTC." in wording.verdict_text(night, ())
    assert "compared with every day 02:00-04:00, 14 windows of the past: in the past" in page.render(
        night, (), {}, evidently=False
    )
    assert decode(encode(night)) == night


def test_without_a_pattern_it_says_so():
    verdict = judged(calibrated(), NIGHTLY_SERVICE.windows(49, 48))[0]
    assert verdict.context.compared_with.hours == "all hours"
    assert verdict.context.compared_with.reason == "a pattern by hour needs windows of 7 days, and there are 2"
    assert "Compared with" not in wording.verdict_text(verdict, ())


def test_a_batch_at_another_hour_is_drift():
    """The texts, the voice and the way of answering are those of no other hour."""
    moved = [(start + 6 * HOUR, _later(rows)) for start, rows in NIGHTLY_SERVICE.windows(WEEK + 4, WEEK + 2)]
    last = judged(nightly_reference(), moved)[-1]
    assert last.state is VerdictState.DRIFT
    assert {"words", "voice"} <= {score.column for score in last.detected}


def _later(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(time=rows["time"] + 6 * HOUR)


@pytest.mark.parametrize("fault", FAULTS)
def test_small_changes_are_found_in_time(fault: str):
    hours = hours_until_found(NIGHTLY_SERVICE, nightly_reference(), fault, WEEK + 30, FAULTS[fault][0])
    assert hours is not None


def test_the_parts_are_stored_and_read(tmp_path: Path):
    nightly_reference().save(tmp_path / "stored")
    again = references.load(tmp_path / "stored")
    assert again.checksum == nightly_reference().checksum
    assert again.hours == nightly_reference().hours
    for hour in (2, 5):
        start = two_nights()[hour].start
        part, stored = nightly_reference().at(start), again.at(start)
        assert part.id == stored.id == nightly_reference().id
        assert part.thresholds == stored.thresholds
        assert part.sample.equals(stored.sample)
        assert 0 < len(part.sample) < len(again.sample)
