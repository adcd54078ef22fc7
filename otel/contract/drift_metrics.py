"""The metrics of the drift job: a part of the telemetry contract (metrics.py has the server's)."""

from __future__ import annotations

from otel.contract.change_metrics import CHANGE_METRICS
from otel.contract.instrument import Instrument
from otel.contract.labels import DRIFT_COLUMN

DRIFT_SCORE = Instrument(
    "tts.drift.score",
    "gauge",
    "{score}",
    "Distance from the reference of the last window that could be judged; it has a meaning beside its threshold only.",
    (DRIFT_COLUMN,),
)
DRIFT_THRESHOLD = Instrument(
    "tts.drift.threshold",
    "gauge",
    "{score}",
    "Score from which on a window counts as over the threshold: the reference's own windows hardly ever reach it.",
    (DRIFT_COLUMN,),
)
DRIFT_DETECTED = Instrument(
    "tts.drift.detected",
    "gauge",
    "{column}",
    "1 while the column has drifted, that is, was over its threshold in enough consecutive windows; else 0.",
    (DRIFT_COLUMN,),
)
DRIFT_CONSECUTIVE = Instrument(
    "tts.drift.consecutive_windows",
    "gauge",
    "{window}",
    "Consecutive windows, up to the last judged one, in which the column was over its threshold.",
    (DRIFT_COLUMN,),
)
DRIFT_WINDOW_ROWS = Instrument("tts.drift.window_rows", "gauge", "{request}", "Requests in the last window.")
DRIFT_LAST_RUN = Instrument(
    "tts.drift.last_run.timestamp",
    "gauge",
    "s",
    "End of the drift job's last run, successful or not, in seconds since 1970.",
)
DRIFT_LAST_RUN_SUCCESS = Instrument(
    "tts.drift.last_run.success",
    "gauge",
    "{run}",
    "1 if the last run judged every window that was due, 0 if it failed or its reference can't be used.",
)
DRIFT_CLOCK_SUSPECT = Instrument(
    "tts.drift.clock_suspect",
    "gauge",
    "{clock}",
    "1 while the drift job does not trust its clock, and neither judges nor deletes anything; else 0.",
)

DRIFT_METRICS = (
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    DRIFT_DETECTED,
    DRIFT_CONSECUTIVE,
    DRIFT_WINDOW_ROWS,
    DRIFT_LAST_RUN,
    DRIFT_LAST_RUN_SUCCESS,
    DRIFT_CLOCK_SUSPECT,
    *CHANGE_METRICS,
)
