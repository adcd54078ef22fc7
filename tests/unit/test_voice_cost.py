"""The expected cost of a voice's audio."""

from __future__ import annotations

import random

import pytest

from server.telemetry.voice_cost import VoiceCost

FIXED, OF_SECOND = 2e-6, 1e-6
LENGTHS = (0.8, 1.5, 3.0, 6.0, 12.0, 25.0)


def cost(seconds: float) -> float:
    return FIXED + OF_SECOND * seconds


def learned(requests: int = 200, noise: float = 0.0) -> VoiceCost:
    rng, voice = random.Random(1), VoiceCost()
    for _ in range(requests):
        seconds = rng.choice(LENGTHS)
        voice.add(cost(seconds) * (1 + noise * rng.uniform(-1, 1)), seconds)
    return voice


def test_nothing_is_known_before_the_first_request() -> None:
    assert not VoiceCost().is_known
    assert VoiceCost().of(3.0) == 0.0


def test_the_first_request_tells_the_cost_of_a_second() -> None:
    voice = VoiceCost()
    voice.add(6.0, 2.0)
    assert voice.is_known
    assert voice.of(3.0) == pytest.approx(9.0)


def test_short_and_long_texts_have_their_own_cost() -> None:
    voice = learned()
    for seconds in (0.5, 1.0, 10.0, 40.0):
        assert voice.of(seconds) == pytest.approx(cost(seconds), rel=1e-6)


def test_neither_the_total_nor_a_second_is_biased_even_where_costs_are_no_line() -> None:
    rng, voice = random.Random(2), VoiceCost()
    errors, costs, of_seconds = [], [], []
    for _ in range(2000):
        seconds = rng.choice(LENGTHS)
        curved = (cost(seconds) + 2e-8 * seconds**2) * rng.uniform(0.6, 1.4)
        errors.append((voice.of(seconds) - curved, (voice.of(seconds) - curved) / seconds))
        costs.append(curved)
        of_seconds.append(curved / seconds)
        voice.add(curved, seconds)
    assert abs(sum(error for error, _ in errors[200:])) < 0.02 * sum(costs[200:])
    assert abs(sum(error for _, error in errors[200:])) < 0.02 * sum(of_seconds[200:])


def test_a_fixed_part_that_may_be_chance_is_left_out() -> None:
    lines = []
    for seed in range(20):
        rng, voice = random.Random(seed), VoiceCost()
        for _ in range(40):
            seconds = rng.choice(LENGTHS)
            voice.add(OF_SECOND * seconds * rng.lognormvariate(0, 0.5), seconds)
        lines.append(voice.line())
    assert sum(fixed == 0.0 for fixed, _ in lines) >= 17


def test_texts_of_one_length_tell_only_a_mean() -> None:
    voice = VoiceCost()
    for _ in range(100):
        voice.add(6.0, 2.0)
    assert voice.line() == (0.0, pytest.approx(3.0))


@pytest.mark.parametrize(
    ("costs", "line"),
    [({1.0: 1.0, 10.0: 20.0}, (0.0, pytest.approx(21 / 11, rel=0.02))), ({1.0: 5.0, 10.0: 1.0}, (4.6, 0.0))],
)
def test_no_part_of_a_cost_is_negative(costs: dict[float, float], line: tuple[float, float]) -> None:
    voice = VoiceCost()
    for _ in range(500):
        for seconds, value in costs.items():
            voice.add(value, seconds)
    assert voice.line() == (pytest.approx(line[0], abs=0.2), line[1])


def test_one_odd_request_moves_little_and_a_lasting_change_is_followed() -> None:
    voice = learned(noise=0.2)
    before = voice.of(3.0)
    voice.add(1000 * before, 3.0)
    assert voice.of(3.0) < 1.1 * before
    rng = random.Random(3)
    for _ in range(500):
        seconds = rng.choice(LENGTHS)
        voice.add(10 * cost(seconds), seconds)
    assert voice.of(3.0) == pytest.approx(10 * cost(3.0), rel=0.05)


def test_a_moment_of_audio_has_no_unbounded_weight() -> None:
    voice = learned()
    voice.add(cost(0.0), 1e-9)
    assert voice.of(3.0) == pytest.approx(cost(3.0), rel=0.05)
