"""The metrics of the drift job's sequential tests: changes from request to request, and verdicts on builds."""

from __future__ import annotations

from otel.contract.instrument import Instrument
from otel.contract.labels import CHANGE_MEASURE, CHANGED_PROVIDER, CHANGED_VOICE

SERIES = (CHANGE_MEASURE, CHANGED_VOICE, CHANGED_PROVIDER)

CHANGE_DETECTED = Instrument(
    "tts.change.detected",
    "gauge",
    "{change}",
    "1 from the request at which a change for the worse was certain until its end; 0 while a measure has no change.",
    SERIES,
)
CHANGE_RATIO = Instrument(
    "tts.change.ratio",
    "gauge",
    "{ratio}",
    "After the change divided by before it: of latency at equal length, or of the share.",
    SERIES,
)
CHANGE_BEGIN = Instrument(
    "tts.change.begin.timestamp",
    "gauge",
    "s",
    "Estimated time at which the change began, in seconds since 1970; only while it lasts.",
    SERIES,
)
BUILD_WORSE = Instrument(
    "tts.build.worse",
    "gauge",
    "{build}",
    "1 if the newest build that was judged is worse than those before it, 0 if it is no worse or could not be decided.",
    (CHANGE_MEASURE,),
)
CHANGE_LAST_CHECK = Instrument(
    "tts.change.last_check.timestamp",
    "gauge",
    "s",
    "When new requests were last tested for changes, in seconds since 1970.",
)

CHANGE_METRICS = (CHANGE_DETECTED, CHANGE_RATIO, CHANGE_BEGIN, BUILD_WORSE, CHANGE_LAST_CHECK)
