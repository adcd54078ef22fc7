"""Predicts each request's durations, and decides whether the trained model may do so."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from otel.contract.values import ModelState, Outcome, Predictor
from otel.prediction.features import Prediction, Quantiles, RequestFeatures
from otel.prediction.model_file import PredictionModel
from server.logs import LOGGER
from server.prediction.linear import LinearPredictor
from server.prediction.range_baseline import RangeBaseline
from server.prediction.recent_loss import RecentLoss
from server.record import RequestRecord

BASELINE = "baseline"
ENOUGH_REQUESTS = 50
"""The least requests from which the model is compared with what would replace it."""
WORSE_RATIO = 1.1
"""The model is switched off when its recent loss is above this multiple of the better of baseline and linear predictor;
it is switched on again when its loss, which is still measured, is below theirs."""
SWITCHED_OFF = frozenset({ModelState.INVALID, ModelState.STALE, ModelState.VOICES, ModelState.BUILD, ModelState.WORSE})
"""The states in which there is a model that is not used."""

log = logging.getLogger(f"{LOGGER}.prediction")


class RequestPredictor:
    """Predicts by the trained model while it is in use, else by the linear predictor; for the event loop's thread."""

    def __init__(
        self,
        build: str,
        voices: Callable[[], Mapping[str, str]],
        most_age_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``build`` is this server's, ``voices`` returns the checksum of each installed voice by name. A model is stale
        ``most_age_seconds`` after the newest request that it was trained on. ``clock`` returns Unix seconds."""
        self._build = build
        self._voices = voices
        self._most_age = most_age_seconds
        self._clock = clock
        self._linear = LinearPredictor()
        self._baseline = RangeBaseline()
        self._loss = RecentLoss()
        self._model: PredictionModel | None = None
        self._state = ModelState.NONE

    @property
    def state(self) -> ModelState:
        """Whether the trained model is used, or why it is not."""
        return self._state

    def use(self, model: PredictionModel | None) -> None:
        """Replaces the trained model; None when its file is gone."""
        if model is None or self._model is None or model.record.id != self._model.record.id:
            self._loss.forget(Predictor.MODEL)
        self._model = model
        if model is None:
            self._set(ModelState.NONE)
        self.assess()

    def refuse(self) -> None:
        """Stops using the model, since its file is now one that can't be used."""
        self._model = None
        self._set(ModelState.INVALID)

    def assess(self) -> None:
        """Decides whether the model may predict."""
        if self._model is not None:
            self._set(self._judge(self._model))

    def predict(self, features: RequestFeatures, estimate: float) -> Prediction:
        """Returns the prediction for a request on its arrival; ``estimate`` is its voice's own of the seconds of
        audio, for a voice of which nothing is known yet."""
        model = self._model
        if model is not None and self._state is ModelState.IN_USE and features.voice in model.record.voices:
            return model.predict(features, Predictor.MODEL)
        return self._linear.predict(features, estimate)

    def learn(self, record: RequestRecord) -> None:
        """Learns from a finished request, and compares the predictors on it.

        Only requests count whose audio was made for them, at the first attempt.
        """
        observation = observed(record)
        if observation is None:
            return
        prediction, duration, first_audio = observation
        features = prediction.features
        if (baseline := self._baseline.predict(features.words)) is not None:
            self._loss.add(BASELINE, duration, baseline)
        self._loss.add(Predictor.LINEAR, duration, self._duration(Predictor.LINEAR, prediction))
        if self._model is not None and features.voice in self._model.record.voices:
            self._loss.add(Predictor.MODEL, duration, self._duration(Predictor.MODEL, prediction))
        self._baseline.learn(features.words, duration)
        self._linear.learn(features, record.audio_seconds, duration, first_audio)
        self.assess()

    def readings(self) -> list[tuple[int, dict[str, str]]]:
        """Returns tts_prediction_model: 1 for the model's state."""
        return [(int(state is self._state), {"state": state.value}) for state in ModelState]

    def describe(self) -> dict[str, Any]:
        """Returns the fields for GET /metrics: the state, the model, and the recent losses."""
        return {
            "state": self._state.value,
            "model": None if self._model is None else self._model.record.id,
            "recent_loss": {
                name: None if (mean := self._loss.mean(name)) is None else round(mean, 4)
                for name in (Predictor.MODEL.value, Predictor.LINEAR.value, BASELINE)
            },
        }

    def _duration(self, predictor: Predictor, made: Prediction) -> Quantiles:
        """Returns what ``predictor`` predicts, or has predicted, for the request."""
        if made.predictor == predictor:
            return made.duration
        if predictor is Predictor.MODEL and self._model is not None:
            return self._model.predict(made.features, predictor).duration
        return self._linear.predict(made.features, made.audio_seconds).duration

    def _judge(self, model: PredictionModel) -> ModelState:
        record, voices = model.record, self._voices()
        shared = record.voices.keys() & voices.keys()
        if self._clock() - record.trained_until > self._most_age:
            return ModelState.STALE
        if self._build not in record.builds:
            return ModelState.BUILD
        if voices and (not shared or any(record.voices[name] != voices[name] for name in shared)):
            return ModelState.VOICES
        own, count = self._loss.mean(Predictor.MODEL), self._loss.count(Predictor.MODEL)
        others = [loss for name in (BASELINE, Predictor.LINEAR) if (loss := self._loss.mean(name)) is not None]
        if own is None or not others or count < ENOUGH_REQUESTS:
            return ModelState.IN_USE
        limit = min(others) * (1.0 if self._state is ModelState.WORSE else WORSE_RATIO)
        return ModelState.WORSE if own > limit else ModelState.IN_USE

    def _set(self, state: ModelState) -> None:
        """Sets the state, and logs a change."""
        if state is self._state:
            return
        self._state = state
        if state in SWITCHED_OFF:
            log.warning("the prediction model is switched off", extra={"reason": state.value})
        else:
            log.info("the prediction model has another state", extra={"state": state.value})


def observed(record: RequestRecord) -> tuple[Prediction, float, float] | None:
    """Returns a request's prediction, its duration and its time to first audio in seconds; None for a request that says
    nothing about them."""
    synthesis, duration, first_audio = record.synthesis, record.duration, record.time_to_first_audio
    if synthesis is None or synthesis.prediction is None or record.outcome is not Outcome.OK:
        return None
    if not record.synthesized or synthesis.fallback is not None or duration is None or first_audio is None:
        return None
    usable = all(value > 0 and math.isfinite(value) for value in (duration, first_audio, record.audio_seconds))
    return (synthesis.prediction, duration, first_audio) if usable else None
