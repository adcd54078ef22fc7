"""Records how right predictions were, and lets the predictor learn from each request."""

from __future__ import annotations

from opentelemetry.context import Context

from otel.contract.prediction_metrics import PREDICTION_RATIO, PREDICTIONS
from otel.contract.values import PredictionRank
from otel.prediction.features import Quantiles
from otel.sdk.recording import Metrics
from server.prediction.request_predictor import RequestPredictor, observed
from server.record import RequestRecord


class PredictionRecorder:
    """Compares each request with its prediction."""

    def __init__(self, metrics: Metrics, predictor: RequestPredictor) -> None:
        self._metrics = metrics
        self._predictor = predictor

    def report(self, record: RequestRecord, context: Context) -> None:
        """Records a finished request, unless it has no prediction or its duration says nothing about it."""
        observation = observed(record)
        if observation is None:
            return
        prediction, duration, _ = observation
        self._metrics.record(
            PREDICTION_RATIO,
            duration / prediction.duration.p50,
            context,
            predictor=prediction.predictor,
            word_count_range=record.word_count_range,
        )
        self._metrics.add(PREDICTIONS, 1, predictor=prediction.predictor, rank=rank(duration, prediction.duration))
        self._predictor.learn(record)


def rank(duration: float, predicted: Quantiles) -> PredictionRank:
    """Returns where a duration lies among its predicted quantiles."""
    if duration <= predicted.p50:
        return PredictionRank.BELOW_P50
    return PredictionRank.BELOW_P95 if duration <= predicted.p95 else PredictionRank.ABOVE_P95
