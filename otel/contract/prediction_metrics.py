"""The metrics of predictions and dry runs: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract.buckets import RATIOS
from otel.contract.instrument import Instrument
from otel.contract.labels import ADMITTED, MODEL_STATE, PREDICTION_RANK, PREDICTOR, WORD_COUNT_RANGE

PREDICTION_RATIO = Instrument(
    "tts.prediction.ratio",
    "histogram",
    "1",
    "Duration of a request whose audio was made, divided by its median as predicted on arrival: 2 is twice as slow as "
    "expected for this text and this load.",
    (PREDICTOR, WORD_COUNT_RANGE),
    RATIOS,
)
PREDICTIONS = Instrument(
    "tts.predictions",
    "counter",
    "{request}",
    "Requests whose audio was made, by where their duration lies among the predicted quantiles. If predictions are "
    "right, 5 % are above_p95.",
    (PREDICTOR, PREDICTION_RANK),
)
PREDICTION_MODEL = Instrument(
    "tts.prediction.model",
    "gauge",
    "{model}",
    "1 for the state that the trained prediction model is in, 0 for all others.",
    (MODEL_STATE,),
)
DRY_RUNS = Instrument(
    "tts.dry_runs",
    "counter",
    "{request}",
    "Requests of POST /tts with dry_run, which ask for a prediction and no audio. tts_requests_total does not count "
    "them, unless they are refused.",
    (ADMITTED,),
)

PREDICTION_METRICS = (PREDICTION_RATIO, PREDICTIONS, PREDICTION_MODEL, DRY_RUNS)
