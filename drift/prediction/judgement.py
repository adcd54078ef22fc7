"""Judges predictions of durations on requests that came after those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.prediction.examples import Examples, Floats
from drift.prediction.fitting import pinball
from otel.contract.ranges import WORDS
from otel.contract.values import Predictor
from otel.prediction.model_file import PredictionModel

LEAST_RANGE = 20
"""The least requests of a range of words whose quantiles the baseline uses; else those of all requests."""


@dataclass(frozen=True, slots=True)
class DurationQuantiles:
    """The predicted p50 and p95 of requests' durations in seconds."""

    p50: Floats
    p95: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """How right predictions of durations were."""

    loss: float
    """The mean pinball loss of p50 and p95 on the logarithm of the duration, so that a short request weighs as much as
    a long one: the figure by which predictors are compared."""
    loss_seconds: float
    """The same of the duration itself."""
    coverage_p50: float
    """The share of requests that took at most their predicted p50."""
    coverage_p95: float
    median_error: float
    """The median of the relative error of the predicted p50, without its sign."""

    def figures(self, prefix: str) -> dict[str, float]:
        """Returns the figures by name."""
        return {f"{prefix}_{name}": round(getattr(self, name), 6) for name in self.__slots__}


def score(actual: Floats, predicted: DurationQuantiles) -> Score:
    """Returns the score of predictions; ``actual`` is in seconds."""
    return Score(
        (pinball(np.log(actual / predicted.p50), 0.5) + pinball(np.log(actual / predicted.p95), 0.95)) / 2,
        (pinball(actual - predicted.p50, 0.5) + pinball(actual - predicted.p95, 0.95)) / 2,
        float(np.mean(actual <= predicted.p50)),
        float(np.mean(actual <= predicted.p95)),
        float(np.median(np.abs(predicted.p50 / actual - 1))),
    )


def model_quantiles(model: PredictionModel, examples: Examples) -> DurationQuantiles:
    """Returns what a model predicts, by the very code that the server runs."""
    durations = [model.predict(features, Predictor.MODEL).duration for features in examples.features]
    return DurationQuantiles(np.array([each.p50 for each in durations]), np.array([each.p95 for each in durations]))


def baseline_quantiles(known: Examples, examples: Examples) -> DurationQuantiles:
    """Returns the quantiles of ``known`` requests in the range of words of each of ``examples``."""
    ranges, durations = known.word_ranges, known.seconds["duration"]
    by_range: Mapping[str, tuple[float, float]] = {
        label: _quantiles(own if len(own := durations[ranges == label]) >= LEAST_RANGE else durations)
        for label in WORDS.labels
    }
    found = np.array([by_range[label] for label in examples.word_ranges])
    return DurationQuantiles(found[:, 0], found[:, 1])


def _quantiles(durations: Floats) -> tuple[float, float]:
    p50, p95 = np.quantile(durations, (0.5, 0.95))
    return float(p50), float(p95)
