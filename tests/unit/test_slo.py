"""The service level objectives: one definition, in the same words wherever a person reads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from otel.contract.labels import OUTCOME, PLAYBACK_RATING, SIDE
from otel.contract.metrics import ERRORS, REQUESTS
from otel.contract.playback_metrics import PLAYBACK_FIRST_SOUND
from otel.contract.playback_values import IN_TIME_SECONDS, PlaybackRating
from otel.contract.slo import AVAILABILITY, CONTINUITY, LATENCY, PLAYBACK, SLOS, UNDERRUN_BOUNDS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "page", ["dashboards/README.md", "alerting/README.md", "alerting/runbooks/TtsSloAvailabilityBurn.md"]
)
def test_documents_say_the_availability_objective_in_its_own_words(page: str) -> None:
    assert AVAILABILITY.sentence in " ".join((ROOT / page).read_text().split())


@pytest.mark.parametrize(
    "page", ["dashboards/README.md", "alerting/README.md", "alerting/runbooks/TtsSloContinuityBurn.md"]
)
def test_documents_say_the_continuity_objective_in_its_own_words(page: str) -> None:
    assert CONTINUITY.sentence in " ".join((ROOT / page).read_text().split())


@pytest.mark.parametrize(
    "page", ["dashboards/README.md", "alerting/README.md", "alerting/runbooks/TtsSloPlaybackBurn.md"]
)
def test_documents_say_the_playback_objective_in_its_own_words(page: str) -> None:
    assert PLAYBACK.sentence in " ".join((ROOT / page).read_text().split())


def test_every_rating_of_a_playback_is_good_bad_or_excluded() -> None:
    ratings = [count.where[PLAYBACK_RATING] for count in (*PLAYBACK.good, *PLAYBACK.bad, *PLAYBACK.excluded)]
    assert sorted(map(str, ratings)) == sorted(PlaybackRating)


def test_the_bound_of_the_playback_objective_is_one_of_its_histogram() -> None:
    assert IN_TIME_SECONDS in PLAYBACK_FIRST_SOUND.buckets
    assert f"{IN_TIME_SECONDS * 1000:g} ms" in PlaybackRating.GOOD.meaning


def test_every_error_and_every_request_without_one_is_good_bad_or_excluded() -> None:
    counted = [*AVAILABILITY.good, *AVAILABILITY.bad, *AVAILABILITY.excluded]
    sides = [count.where[SIDE] for count in counted if count.counter is ERRORS]
    assert sorted(str(side) for side in sides) == sorted(SIDE.values)
    outcomes = {count.where[OUTCOME] for count in counted if count.counter is REQUESTS}
    assert {*OUTCOME.values} - outcomes == {"error", "rejected"}  # those have an error, and are counted by it


def test_bounds_of_the_latency_objective_are_those_of_its_histogram() -> None:
    assert {*LATENCY.bounds.values()} <= {*LATENCY.histogram.buckets}


def test_bounds_of_the_continuity_objective_are_those_of_its_histogram() -> None:
    assert {*UNDERRUN_BOUNDS, CONTINUITY.bound} <= {*CONTINUITY.histogram.buckets}
    assert f"{CONTINUITY.bound * 1000:g} ms" in CONTINUITY.promise
    with pytest.raises(ValueError, match=r"has no bucket up to 0\.15"):
        CONTINUITY.within(0.15)


def test_a_budget_is_what_an_objective_leaves() -> None:
    assert [slo.budget for slo in SLOS] == [0.005, 0.05, 0.01, 0.05]
    with pytest.raises(ValueError, match="100 % can't be promised"):
        dataclasses.replace(AVAILABILITY, objective=1.0)
