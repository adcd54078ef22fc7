"""Loudness by EBU R128, against its own reference: EBU Tech 3341's sines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.audio.loudness import MAX_PEAK, SILENCE, at_loudness, measure
from server.utterance import LOUDNESS_RANGE
from tests.examples import examples

RATE = 48000


def sine(level: float, seconds: float, rate: int = RATE):
    """1 kHz, its peaks at ``level`` dBFS."""
    return (10 ** (level / 20) * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_it_measures_what_the_reference_says(level: float) -> None:
    # Tech 3341, cases 1 and 2: in both channels of stereo such a sine has its level in LUFS; one channel alone, 3 less.
    assert measure(sine(level, 20), RATE)[0] == pytest.approx(level - 3.01, abs=0.1)


@settings(max_examples=examples(20))
@given(
    level=st.floats(-50, -10),
    seconds=st.floats(0.05, 4),
    target=st.floats(*LOUDNESS_RANGE),
    rate=st.sampled_from([16000, 22050, 24000, 48000]),
)
def test_a_clip_gets_the_loudness_that_its_peak_allows(level: float, seconds: float, target: float, rate: int) -> None:
    made = at_loudness(sine(level, seconds, rate), rate, target)
    loudness, peak = measure(made, rate)
    assert peak <= MAX_PEAK + 0.005
    assert loudness == pytest.approx(target, abs=0.3) or (
        loudness < target and peak == pytest.approx(MAX_PEAK, abs=0.02)
    )


def test_silence_stays_silence() -> None:
    silence = np.zeros(RATE, np.float32)
    assert measure(silence, RATE)[0] == SILENCE
    assert not at_loudness(silence, RATE, -16.0).any()
    assert not len(at_loudness(silence[:0], RATE, -16.0))
