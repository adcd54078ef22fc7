"""The metrics of what a recogniser hears: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract import buckets
from otel.contract.instrument import Instrument
from otel.contract.labels import RECOGNITION_RESULT, VERIFICATION_RESULT, VOICE_NAME, WORD_COUNT_RANGE
from otel.contract.probe_metrics import PROBE_METRICS

WORD_ERROR_RATE = Instrument(
    "tts.word_error_rate",
    "histogram",
    "1",
    "Words of the text that a speech recogniser did not hear, heard differently or heard in addition, divided by the "
    "words of the text; the recogniser's own mistakes count too. A share of the clips made (`TTSCOPE_RECOGNISED_SHARE`)"
    ", and those of requests with `verify`.",
    (VOICE_NAME, WORD_COUNT_RANGE),
    buckets.WORD_ERROR_RATES,
)
RECOGNITIONS = Instrument(
    "tts.recognitions",
    "counter",
    "{clip}",
    "Clips that were chosen to be recognised beside their requests, by what became of them.",
    (RECOGNITION_RESULT,),
)
VERIFICATIONS = Instrument(
    "tts.verifications",
    "counter",
    "{request}",
    "Requests with `verify` whose clip was sent, by what was heard.",
    (VERIFICATION_RESULT, VOICE_NAME),
)
VERIFICATION_DURATION = Instrument(
    "tts.verification.duration",
    "histogram",
    "s",
    "Time that a request with `verify` took longer by it: recognising its clips, and making all but the first.",
    (VOICE_NAME,),
    buckets.SECONDS,
)

VERIFICATION_METRICS = (WORD_ERROR_RATE, RECOGNITIONS, VERIFICATIONS, VERIFICATION_DURATION, *PROBE_METRICS)
