"""The Prediction dashboard: whether requests take as long as was predicted on their arrival."""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from otel.contract.labels import ADMITTED, MODEL_STATE, PREDICTION_RANK, PREDICTOR, WORD_COUNT_RANGE
from otel.contract.prediction_metrics import DRY_RUNS, PREDICTION_MODEL, PREDICTION_RATIO, PREDICTIONS
from otel.contract.promql import ratio

_ALL = SELECTED.rate(PREDICTIONS, by=(PREDICTOR,))

RATIO = Panel(
    "prediction-ratio",
    "Duration / prediction",
    "p50 and p95 of the duration divided by its predicted median, by predictor. p50 should stay at 1. A p50 of 2 means "
    "that the service is twice as slow as it was for the same texts under the same load.",
    "lines",
    Unit.NUMBER,
    (
        Query(SELECTED.quantile(0.5, PREDICTION_RATIO, by=(PREDICTOR,)), "p50 {predictor}"),
        Query(SELECTED.quantile(0.95, PREDICTION_RATIO, by=(PREDICTOR,)), "p95 {predictor}"),
    ),
    width=12,
)
RATIO_BY_WORDS = Panel(
    "prediction-ratio-words",
    "Duration / prediction by words",
    "p50 of the same ratio by range of words. If one range leaves 1 alone, the model knows too few such texts.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.quantile(0.5, PREDICTION_RATIO, by=(WORD_COUNT_RANGE,)), "{word_count_range}"),),
    width=12,
)
ABOVE_P95 = Panel(
    "prediction-above-p95",
    "Above the predicted p95",
    "Share of requests that took longer than their predicted p95, by predictor. 5 % is right; dry runs promise it.",
    "lines",
    Unit.SHARE,
    (
        Query(
            ratio(SELECTED.rate(PREDICTIONS, by=(PREDICTOR,), where={PREDICTION_RANK: "above_p95"}), _ALL),
            "{predictor}",
        ),
    ),
    thresholds=(Threshold(0.15, "warning"),),
)
BELOW_P50 = Panel(
    "prediction-below-p50",
    "Below the predicted median",
    "Share of requests that took at most their predicted median, by predictor. 50 % is right.",
    "lines",
    Unit.SHARE,
    (
        Query(
            ratio(SELECTED.rate(PREDICTIONS, by=(PREDICTOR,), where={PREDICTION_RANK: "below_p50"}), _ALL),
            "{predictor}",
        ),
    ),
)
PREDICTED = Panel(
    "predicted-requests",
    "Predicted requests",
    "Requests per second whose audio was made, by what predicted them: the trained model, or linear in phonemes.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(_ALL, "{predictor}"),),
)
STATE = Panel(
    "prediction-model",
    "State of the trained model",
    "1 for the state of the trained model. in_use: it predicts. none: the drift job has promoted none yet. The others "
    "say why it is switched off; docs/prediction.md explains them.",
    "states",
    Unit.STATE,
    (Query(SELECTED.largest(PREDICTION_MODEL, by=(MODEL_STATE,)), "{state}"),),
    width=12,
)
DRY = Panel(
    "dry-runs",
    "Dry runs",
    "Requests per second with `dry_run`, by whether the server would have admitted the request.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(DRY_RUNS, by=(ADMITTED,)), "admitted: {admitted}"),),
    width=12,
)
PREDICTION = Board(
    "ttscope-prediction",
    "Prediction",
    "Do requests take as long as was predicted on their arrival?",
    (
        Row("Error", (RATIO, RATIO_BY_WORDS)),
        Row("Calibration", (ABOVE_P95, BELOW_P50, PREDICTED)),
        Row("Model", (STATE, DRY)),
    ),
)
