"""The table of injected faults: how many clips a detector needs."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from bench import faults
from bench.faults import MOST, SOUND, ClipReading, clips, table, until_hit, until_shift
from server.utterance import Utterance
from tests.humming_provider import HummingProvider

RNG = np.random.default_rng(1)


def readings(*, rate: float = 0.05, pace: float = 0.0, score: float = 3.4, gate: float = 0.0) -> list[ClipReading]:
    """Returns those of 200 clips."""
    return [
        ClipReading(RNG.random() < gate, RNG.random() < gate, max(0.0, w), p, s)
        for w, p, s in zip(
            RNG.normal(rate, 0.05, 200), RNG.normal(pace, 0.03, 200), RNG.normal(score, 0.2, 200), strict=True
        )
    ]


@pytest.mark.parametrize(("hits", "clips"), [([True] * 9, 1), ([True, False], 4), ([True] + [False] * 9, 22)])
def test_a_fault_of_single_clips_is_found_once_one_of_them_is_hit(hits: list[bool], clips: float) -> None:
    assert until_hit(hits) == clips


def test_a_detector_that_never_hits_finds_nothing() -> None:
    assert until_hit([False] * 40) == math.inf
    assert until_shift([1.0, 2.0], [1.0, 2.0]) == math.inf


def test_a_mean_needs_four_times_the_clips_for_half_the_shift() -> None:
    sound, far, near = (RNG.normal(mean, 1.0, 20_000).tolist() for mean in (0.0, 1.0, 0.5))
    assert until_shift(sound, far) == pytest.approx(25, abs=2)
    assert until_shift(sound, near) == pytest.approx(100, abs=10)


def test_the_promised_rates_are_kept() -> None:
    """So many clips do find the shift in nine of ten cases, and hardly ever one that is not there."""
    sound, faulty = RNG.normal(0.05, 0.05, 10_000), RNG.normal(0.10, 0.06, 10_000)
    n = int(until_shift(sound.tolist(), faulty.tolist()))
    limit = float(np.mean(sound)) + faults.FALSE_ALARM * float(np.std(sound)) / math.sqrt(n)
    means = [RNG.normal(mean, spread, (4000, n)).mean(axis=1) for mean, spread in ((0.05, 0.05), (0.10, 0.06))]
    assert np.mean(means[0] > limit) <= 0.001
    assert np.mean(means[1] > limit) == pytest.approx(0.9, abs=0.05)


def test_the_table_says_who_finds_what() -> None:
    lines = table({SOUND: readings(), "noise": readings(rate=0.3, score=2.0), "cut": readings(gate=1.0)}).splitlines()
    cells = {cells[0]: cells[1:] for line in lines if (cells := [cell.strip() for cell in line.strip("|").split("|")])}
    assert cells["noise"][:2] == ["-", "-"]
    assert int(cells["noise"][2]) <= 5
    assert cells["noise"][4] == "1"
    assert cells["cut"][:2] == ["1", "1"]
    assert all(cell == "-" or int(cell) > 50 for cell in cells["cut"][2:])
    assert MOST == 1000


async def test_each_fault_changes_the_clip() -> None:
    provider = HummingProvider()
    utterance = Utterance("One two three four five six seven eight.", provider.voices()[0], "en-us", 8, 40)
    made = await clips(provider, utterance, random.Random(1))
    sound = np.concatenate([chunk.samples for chunk in made.pop(SOUND)])
    assert len(made) == 8
    for fault, chunks in made.items():
        samples = np.concatenate([chunk.samples for chunk in chunks])
        assert np.abs(samples).max() <= 1
        assert not np.array_equal(samples, sound), fault
