"""The panels of what recognisers hear, in clips of users and in those of the prober: rows of Quality and drift."""

from __future__ import annotations

from dashboards.panel import Panel, Query, Unit
from dashboards.scope import SELECTED
from dashboards.traceql import present, requests
from otel.contract.event_fields import RequestField
from otel.contract.labels import MOS_ASPECT, PROBE_RESULT, RECOGNITION_RESULT, VERIFICATION_RESULT, VOICE_NAME
from otel.contract.probe_metrics import (
    PROBE_DURATION,
    PROBE_FIRST_AUDIO,
    PROBE_LAST_SUCCESS,
    PROBE_MOS,
    PROBE_WORD_ERROR_RATE,
    PROBES,
)
from otel.contract.verification_metrics import RECOGNITIONS, VERIFICATION_DURATION, VERIFICATIONS, WORD_ERROR_RATE

NOT_RECOGNISED = "No clip was recognised. It needs the extra verify on the server (docs/verification.md)."
NOT_VERIFIED = "No request had the field verify."
NO_PROBE = "The prober is not running (docs/verification.md)."

WORD_ERRORS = Panel(
    "word-error-rate",
    "Word error rate",
    "Mean share of the words that a speech recogniser did not hear as written, by voice; its own mistakes count too. "
    "A sound voice stays within a few percent of its usual value. The runbook is TtsWordErrorRateHigh.",
    "lines",
    Unit.SHARE,
    (Query(SELECTED.mean(WORD_ERROR_RATE, by=(VOICE_NAME,)), "{voice_name}"),),
    traces=requests(present(RequestField.WORD_ERROR_RATE)),
    empty=NOT_RECOGNISED,
    width=8,
)
RECOGNISED = Panel(
    "recognitions",
    "Clips recognised",
    "Clips per second that were chosen to be recognised beside their requests. Dropped ones found too many others "
    "waiting, which is no fault on a busy machine.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(RECOGNITIONS, by=(RECOGNITION_RESULT,)), "{result}"),),
    empty=NOT_RECOGNISED,
    width=5,
)
VERIFIED = Panel(
    "verifications",
    "Verified requests",
    "Requests per second with the field `verify`, by what was heard: passed at once, corrected by making the clip "
    "again, or failed.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(VERIFICATIONS, by=(VERIFICATION_RESULT,)), "{result}"),),
    traces=requests(present(RequestField.VERIFICATION)),
    empty=NOT_VERIFIED,
    width=5,
)
VERIFICATION_TIME = Panel(
    "verification-duration",
    "Time for verification",
    "Median and p95 of the time that a request with the field `verify` took longer by it.",
    "lines",
    Unit.SECONDS,
    tuple(
        Query(SELECTED.quantile(quantile, VERIFICATION_DURATION), name)
        for quantile, name in ((0.5, "median"), (0.95, "p95"))
    ),
    traces=requests(present(RequestField.VERIFICATION)),
    empty=NOT_VERIFIED,
    width=6,
)
PROBED = Panel(
    "probes",
    "Probes",
    "Requests of the prober in the window, by what it heard. The runbook is TtsProbeFailing.",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED.increase(PROBES, by=(VOICE_NAME, PROBE_RESULT)), "{voice_name} {result}"),),
    empty=NO_PROBE,
    width=5,
)
PROBE_SECONDS = Panel(
    "probe-seconds",
    "Time of probes",
    "Median time from the prober's request to the first audio and to the last byte, in seconds, with the way to the "
    "server.",
    "lines",
    Unit.SECONDS,
    (
        Query(SELECTED.quantile(0.5, PROBE_FIRST_AUDIO, by=(VOICE_NAME,)), "{voice_name} first audio"),
        Query(SELECTED.quantile(0.5, PROBE_DURATION, by=(VOICE_NAME,)), "{voice_name} last byte"),
    ),
    empty=NO_PROBE,
    width=5,
)
PROBE_WORDS = Panel(
    "probe-word-error-rate",
    "Word error rate of probes",
    "Mean word error rate of the prober's English sentences, by voice.",
    "lines",
    Unit.SHARE,
    (Query(SELECTED.mean(PROBE_WORD_ERROR_RATE, by=(VOICE_NAME,)), "{voice_name}"),),
    empty=NO_PROBE,
    width=5,
)
PROBE_SCORES = Panel(
    "probe-mos",
    "Scores of probes",
    "Mean opinion score that DNSMOS forecasts for the prober's clips, by voice: 1 is bad, 5 is excellent. If it falls "
    "and words are still understood, listen to a clip: there may be noise or distortion.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.mean(PROBE_MOS, by=(VOICE_NAME, MOS_ASPECT)), "{voice_name} {aspect}"),),
    empty=NO_PROBE,
    width=5,
)
PROBE_AGE = Panel(
    "probe-last-success",
    "Last good probe",
    "When the prober last got speech that it did not misunderstand.",
    "stat",
    Unit.TIME,
    (Query(f"{SELECTED.largest(PROBE_LAST_SUCCESS)} * 1000"),),
    empty=NO_PROBE,
    width=4,
)

WORDS_HEARD = (WORD_ERRORS, RECOGNISED, VERIFIED, VERIFICATION_TIME)
PROBER = (PROBED, PROBE_SECONDS, PROBE_WORDS, PROBE_SCORES, PROBE_AGE)
