"""The metrics by which routers see the load: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract.instrument import Instrument
from otel.contract.playback_metrics import PLAYBACK_METRICS
from otel.contract.streaming_metrics import STREAMING_METRICS

FORECAST_WAIT = Instrument(
    "tts.forecast_wait",
    "gauge",
    "s",
    "Time that the engine needs for all audio that clients wait for, at its measured speed. A new request waits at "
    "most so long for its end, and less for its first audio. A stream counts while its reader waits for audio.",
)
UTILIZATION = Instrument(
    "tts.utilization",
    "gauge",
    "%",
    "Share of the last ten seconds in which clients waited for audio, plus tts_forecast_wait_seconds as a share of "
    "`TTSCOPE_SHED_SECONDS`. At 100 the server is always busy and nothing waits, at 200 it sheds load.",
)

LOAD_METRICS = (FORECAST_WAIT, UTILIZATION, *STREAMING_METRICS, *PLAYBACK_METRICS)
