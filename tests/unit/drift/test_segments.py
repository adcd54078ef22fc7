"""A segment says where to look: it holds most of the change and few of the requests, or nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drift.verdict.judge import judge
from otel.contract.drift_verdict import Segment
from tests.drift_distances import by_distance
from tests.drift_references import START, calibrated, window
from tests.drift_traffic import HOUR, Hour

USUAL = Hour(rows=1200)


def segment(rows: pd.DataFrame, column: str) -> Segment | None:
    verdict, _ = judge(START, START + HOUR, rows, len(rows), calibrated(), [], evaluation=by_distance)
    assert column in {score.column for score in verdict.scores if score.over}
    return next((found for found in verdict.segments if found.column == column), None)


def test_one_slow_voice_in_one_range_of_words_is_named():
    found = segment(window(replace(USUAL, latency=12.0, slow_voice="joe")), "latency")
    assert found is not None
    assert dict(found.by) == {"voice": "joe", "word_range": "26-50"}
    assert (found.dimension, found.value) == ("voice+word_range", "joe+26-50")
    assert found.share > 0.9
    assert found.weight < 0.2
    assert found.after / found.before == pytest.approx(12**0.75, rel=0.5)  # the cache's hits are among them


def test_a_service_that_is_slow_everywhere_is_slow_wherever_audio_is_made():
    found = segment(window(replace(USUAL, latency=1.8)), "latency")
    assert found is None or dict(found.by) == {"cache": "miss"}


def test_errors_of_one_voice_are_named_with_their_share():
    rows = window(USUAL)
    mine = (rows["voice"] == "amy") & (rows["outcome"] == "ok") & (np.arange(len(rows)) % 2 == 0)
    rows.loc[mine, ["outcome", "error_type"]] = ["error", "engine_failed"]
    found = segment(rows, "errors")
    assert found is not None
    assert dict(found.by).get("voice") == "amy" or dict(found.by).get("error_type") == "engine_failed"
    assert found.share > 0.8


def test_a_new_build_that_is_louder_is_named():
    rows = window(USUAL)
    new = np.arange(len(rows)) % 3 == 0
    rows.loc[new, "build"] = "0.2.0"
    rows.loc[new, "loudness"] += 5
    found = segment(rows, "loudness")
    assert found is not None
    assert ("build", "0.2.0") in found.by
    assert found.after - found.before == pytest.approx(5, abs=1)
    assert found.share == pytest.approx(1, abs=0.25)


def test_a_column_is_not_explained_by_itself():
    voices = np.array([0.10, 0.25, 0.15, 0.45, 0.05])
    found = segment(window(replace(USUAL, voices=voices)), "voice")
    assert found is None or not {"voice", "language", "provider"} & set(dict(found.by))
    found = segment(window(replace(USUAL, fallbacks=0.3)), "fallbacks")
    assert found is None or "provider" not in dict(found.by)


def test_one_request_with_a_broken_clock_is_not_the_story():
    rows = window(replace(USUAL, latency=1.8))
    index = rows.index[(rows["voice"] == "kokoro") & (rows["outcome"] == "ok")][0]
    rows.loc[index, "duration"] = 9e5
    found = segment(rows, "latency")
    assert found is None or "kokoro" not in dict(found.by).values()


def test_it_is_the_same_whatever_the_order_of_the_columns():
    rows = window(replace(USUAL, latency=12.0, slow_voice="joe"))
    assert segment(rows, "latency") == segment(rows[sorted(rows.columns)], "latency")
