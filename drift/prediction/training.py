"""One training: fits a model on older requests, judges it on the newest, and decides whether it is promoted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from drift.prediction.examples import Examples
from drift.prediction.fitting import fit
from drift.prediction.judgement import Score, baseline_quantiles, model_quantiles, score
from otel.contract.values import Predictor
from otel.prediction.model_file import ModelRecord, PredictionModel

TRAINED_UNTIL, CALIBRATED_UNTIL = 0.6, 0.8
"""The shares of the requests, by time, that are fitted and calibrated on. The rest is for the judgement."""
LEAST_GAIN = 0.02
"""The least share by which the loss must be below that of the baseline."""
COVERAGE_P50, COVERAGE_P95 = (0.35, 0.65), (0.88, 0.995)
"""The bounds of the shares of later requests that must lie below the predicted quantiles."""
ENOUGH_LATER = 50
"""The least requests on which the promoted model is compared with a new one."""


class Decision(StrEnum):
    """What became of a training."""

    PROMOTED = "promoted"
    CONFIRMED = "confirmed"
    """The promoted model is better than the new one on the newest requests, and stays."""
    NO_BETTER = "no_better"
    """The new model is not better than the baseline."""
    UNCALIBRATED = "uncalibrated"
    """The shares of later requests below its quantiles are out of bounds."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model with its judgement on later requests."""

    model: PredictionModel
    decision: Decision
    scores: dict[str, Score]
    """By predictor: model, linear (the same without trees), baseline (the quantiles of the range of words)."""


def train(examples: Examples, created: float, promoted: PredictionModel | None) -> TrainedModel:
    """Returns a model of ``examples``, which are at least a few hundred; ``created`` is in Unix seconds.

    ``promoted`` is the model that is in use.
    """
    training, calibration = examples.span(0, TRAINED_UNTIL), examples.span(TRAINED_UNTIL, CALIBRATED_UNTIL)
    known, later = examples.span(0, CALIBRATED_UNTIL), examples.span(CALIBRATED_UNTIL, 1)
    fitted = fit(training, calibration)
    record = ModelRecord(
        id=f"{int(examples.times[-1])}-{len(examples)}",
        created=created,
        trained_until=float(examples.times[-1]),
        rows=len(examples),
        builds=[examples.build],
        voices=dict(examples.checksums),
        categories=fitted.categories,
        forests=fitted.forests,
        judgement={},
    )
    actual = later.seconds["duration"]
    model = PredictionModel.of(record)
    scores = {
        Predictor.MODEL.value: score(actual, model_quantiles(model, later)),
        Predictor.LINEAR.value: score(
            actual, model_quantiles(PredictionModel.of(record.model_copy(update={"forests": fitted.linear})), later)
        ),
        "baseline": score(actual, baseline_quantiles(known, later)),
    }
    decision = _decision(scores)
    if promoted is not None and decision is Decision.PROMOTED and _is_better(promoted, model, later):
        decision = Decision.CONFIRMED
    figures = {**_figures(scores), **_other_figures(model, later)}
    return TrainedModel(PredictionModel.of(record.model_copy(update={"judgement": figures})), decision, scores)


def _decision(scores: dict[str, Score]) -> Decision:
    own = scores[Predictor.MODEL]
    if own.loss > (1 - LEAST_GAIN) * scores["baseline"].loss:
        return Decision.NO_BETTER
    bounded = (own.coverage_p50, COVERAGE_P50), (own.coverage_p95, COVERAGE_P95)
    return Decision.PROMOTED if all(low <= value <= high for value, (low, high) in bounded) else Decision.UNCALIBRATED


def _is_better(promoted: PredictionModel, model: PredictionModel, later: Examples) -> bool:
    """Returns whether the promoted model, which must be of the same build and voices, has the smaller loss on requests
    that neither has seen."""
    record = promoted.record
    if later.build not in record.builds or record.voices != model.record.voices:
        return False
    unseen = later.where(later.times > record.trained_until)
    if len(unseen) < ENOUGH_LATER:
        return False
    actual = unseen.seconds["duration"]
    return score(actual, model_quantiles(promoted, unseen)).loss < score(actual, model_quantiles(model, unseen)).loss


def _figures(scores: dict[str, Score]) -> dict[str, float]:
    return {name: value for predictor, own in scores.items() for name, value in own.figures(predictor).items()}


def _other_figures(model: PredictionModel, later: Examples) -> dict[str, float]:
    """Returns the errors of the other targets, and the number of requests."""
    predictions = [model.predict(features, Predictor.MODEL) for features in later.features]
    audio = np.array([each.audio_seconds for each in predictions]) / later.seconds["audio"]
    first = np.array([each.first_audio.p50 for each in predictions]) / later.seconds["first_audio"]
    return {
        "audio_median_error": round(float(np.median(np.abs(audio - 1))), 6),
        "first_audio_median_error": round(float(np.median(np.abs(first - 1))), 6),
        "judged_rows": float(len(later)),
    }
