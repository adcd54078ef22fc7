"""The metrics of the prober: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract import buckets
from otel.contract.instrument import Instrument
from otel.contract.labels import MOS_ASPECT, PROBE_RESULT, VOICE_NAME

PROBES = Instrument(
    "tts.probe.requests",
    "counter",
    "{request}",
    "Requests of the prober, by what it heard.",
    (VOICE_NAME, PROBE_RESULT),
)
PROBE_FIRST_AUDIO = Instrument(
    "tts.probe.time_to_first_audio",
    "histogram",
    "s",
    "Time from the prober's request to the first audio of the stream, with the way to the server and back.",
    (VOICE_NAME,),
    buckets.FINE_SECONDS,
)
PROBE_DURATION = Instrument(
    "tts.probe.duration",
    "histogram",
    "s",
    "Time from the prober's request to the last byte of the stream, with the way to the server and back.",
    (VOICE_NAME,),
    buckets.SECONDS,
)
PROBE_WORD_ERROR_RATE = Instrument(
    "tts.probe.word_error_rate",
    "histogram",
    "1",
    "Word error rate of the prober's English sentences, as in tts_word_error_rate.",
    (VOICE_NAME,),
    buckets.WORD_ERROR_RATES,
)
PROBE_MOS = Instrument(
    "tts.probe.mos",
    "histogram",
    "{score}",
    "Mean opinion score that DNSMOS P.835 forecasts for the prober's clips: 1 is bad, 5 is excellent.",
    (VOICE_NAME, MOS_ASPECT),
    buckets.SCORES,
)
PROBE_LAST_SUCCESS = Instrument(
    "tts.probe.last_success.timestamp",
    "gauge",
    "s",
    "Unix time of the last probe that got speech and did not misunderstand it.",
)

PROBE_METRICS = (PROBES, PROBE_FIRST_AUDIO, PROBE_DURATION, PROBE_WORD_ERROR_RATE, PROBE_MOS, PROBE_LAST_SUCCESS)
