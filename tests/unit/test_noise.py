"""Noise from a seed: the generator's known answers, and that nothing but its key and position decides a value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine.noise import NoiseKey, NoiseStage
from server.seeds import has_short_windows, take_seed
from server.utterance import SEED_RANGE

LAST = SEED_RANGE[1]
KEYS = st.builds(NoiseKey, st.integers(*SEED_RANGE), st.integers(0, 10_000))
STAGES = st.sampled_from(NoiseStage)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0] * 4, [0] * 2, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        ([2**64 - 1] * 4, [2**64 - 1] * 2, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
        (
            [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
            [0x452821E638D01377, 0xBE5466CF34E90C6C],
            "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
        ),
    ],
)
def test_the_generator_is_philox(counter: list[int], key: list[int], answer: str) -> None:
    """The known answers of its authors (Random123, kat_vectors, philox4x64 with 10 rounds)."""
    number = sum(word << 64 * place for place, word in enumerate(counter))
    philox = np.random.Philox(counter=(number - 1) % 2**256, key=np.array(key, np.uint64))  # numpy counts, then draws
    assert " ".join(f"{word:016x}" for word in philox.random_raw(4)) == answer


def test_the_noise_of_a_seed_is_that_of_earlier_versions() -> None:
    """A library that drew other noise from the same numbers would change all audio."""
    noise = NoiseKey(2026, 3).normal(NoiseStage.SOUND, (2, 3))
    known = [[0.8121755, 0.37625372, 1.8618988], [0.58611435, -0.86019087, 1.2626822]]
    assert np.array_equal(noise, np.array(known, np.float32))


@given(KEYS, STAGES, st.integers(1, 50), st.integers(0, 50))
def test_a_longer_sentence_only_adds_noise(key: NoiseKey, stage: NoiseStage, frames: int, more: int) -> None:
    short, long = key.normal(stage, (frames, 192)), key.normal(stage, (frames + more, 192))
    assert short.dtype == np.float32
    assert np.array_equal(short, long[:frames])


@given(KEYS, STAGES, KEYS, STAGES)
def test_noise_is_equal_for_equal_keys_only(one: NoiseKey, stage: NoiseStage, other: NoiseKey, of: NoiseStage) -> None:
    same = np.array_equal(one.normal(stage, (8,)), other.normal(of, (8,)))
    assert same == (one == other and stage == of)


def test_neighbours_have_nothing_in_common() -> None:
    """Seeds, sentences and stages that follow one another, the largest ones too."""
    keys = [NoiseKey(seed, sentence) for seed in (0, 1, 2, LAST - 1, LAST) for sentence in (0, 1, 2, 4096)]
    noise = np.stack([key.normal(stage, (20_000,)) for key in keys for stage in NoiseStage])
    assert np.abs(noise.mean(1)).max() < 0.03
    assert np.abs(noise.var(1) - 1).max() < 0.05
    apart = np.corrcoef(noise) - np.eye(len(noise))
    assert np.abs(apart).max() < 0.04


def test_seeds_that_follow_a_stated_one_stay_within_the_range() -> None:
    assert [take_seed(LAST - 1, take, streamed=False) for take in range(4)] == [LAST - 1, LAST, 0, 1]
    assert take_seed(0, 0, streamed=False) == 0


def test_a_drawn_seed_is_another_each_time() -> None:
    """Of those that begin with short windows for a stream, and of the others for a whole answer."""
    for streamed in (False, True):
        drawn = {take_seed(None, 0, streamed=streamed) for _ in range(100)}
        assert len(drawn) > 95
        assert all(SEED_RANGE[0] <= seed <= LAST and has_short_windows(seed) is streamed for seed in drawn)
