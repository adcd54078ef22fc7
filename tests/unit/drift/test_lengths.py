"""What is usual is told by the length, the way of answering and the voice; the rest is the service's doing."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from drift.columns.columns import BY_NAME
from drift.columns.frame import prepare
from drift.reference.lengths import Curve, Lengths
from otel.contract.drift_verdict import ProblemKind
from tests.drift_references import START, calibrated, window
from tests.drift_traffic import Hour, rows_of

LATENCY = BY_NAME["latency"]


def residual(hour: Hour, name: str = "latency") -> float:
    """The mean of what is left when the usual is taken away, in decades."""
    frame = calibrated().lengths.judged(prepare(rows_of(hour, START, np.random.default_rng(3))))
    column = BY_NAME[name]
    return float(np.mean(frame.values[name][frame.present(column)]))


def test_a_curve_goes_on_beyond_its_ends_as_it_ended():
    curve = Curve((1.0, 2.0, 3.0), (0.0, 0.5, 1.5))
    np.testing.assert_allclose(curve.at(np.array([0.0, 1.5, 3.0, 4.0])), [-0.5, 0.25, 1.5, 2.5])
    assert np.isnan(curve.at(np.array([np.nan]))).all()
    np.testing.assert_allclose(Curve((1.0,), (7.0,)).at(np.array([0.0, 5.0])), 7.0)


@pytest.mark.parametrize("times", [0.5, 1.3, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("name", ["latency", "time_to_first_audio", "real_time_factor", "seconds_per_character"])
def test_longer_texts_are_not_slower(times, name):
    plain = residual(Hour(rows=2000), name)
    assert residual(Hour(rows=2000, words=times), name) == pytest.approx(plain, abs=np.log10(1.12))


def test_a_slower_service_is_seen_whatever_the_texts():
    hits = 0.25  # of the requests do not slow down
    expected = np.log10(1.5) * (1 - hits)
    for times in (0.7, 1.0, 2.0):
        slower, usual = (residual(Hour(rows=4000, latency=latency, words=times)) for latency in (1.5, 1.0))
        assert slower - usual == pytest.approx(expected, abs=0.02)


def test_another_mix_of_voices_sounds_as_loud_as_each_voice_always_does():
    quiet_voices = np.array([0.1, 0.1, 0.1, 0.6, 0.1])
    assert abs(residual(Hour(rows=2000, voices=quiet_voices), "loudness")) < 0.2
    assert residual(Hour(rows=2000, loudness=-3), "loudness") == pytest.approx(-3, abs=0.2)


def test_a_voice_that_the_reference_never_heard_is_told_and_not_judged():
    rows = window()
    rows.loc[rows.index[:50], "voice"] = "somebody new"
    frame = calibrated().lengths.judged(prepare(rows))
    told = [p for p in frame.problems if p.kind is ProblemKind.INCOMPARABLE and p.column == "latency"]
    assert told
    assert 40 < told[0].count <= 50
    assert not (frame.applies["latency"] & (frame.by["voice"] == "somebody new")).any()


def test_a_text_of_unknown_length_counts_as_missing():
    rows = window()
    rows["characters"] = np.nan
    frame = calibrated().lengths.judged(prepare(rows))
    assert frame.missing_share(LATENCY) == 1.0


def test_a_way_of_answering_that_the_reference_never_saw_is_not_judged():
    reference = window(Hour(rows=600, streams=0.0, hits=0.0))
    lengths = Lengths.fit(prepare(reference))
    frame = lengths.judged(prepare(window(Hour(rows=600, streams=0.0, hits=1.0))))
    assert not frame.applies["latency"].any()


def test_few_rows_and_none_are_no_trouble():
    for rows in (0, 1, 4, 6):
        lengths = Lengths.fit(prepare(window(rows=rows)))
        assert lengths.judged(prepare(window())).rows == 600


def test_it_is_kept_as_plain_data():
    lengths = calibrated().lengths
    assert msgspec.json.decode(msgspec.json.encode(lengths), type=Lengths) == lengths


def test_all_texts_of_one_length_are_enough():
    frame = prepare(window())
    frame = replace(frame, length=np.full(frame.rows, 2.0))
    assert abs(float(np.nanmean(Lengths.fit(frame).judged(frame).values["latency"]))) < 0.1
