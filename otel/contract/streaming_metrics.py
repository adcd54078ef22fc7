"""The metrics of sockets whose text arrives in pieces: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract import buckets
from otel.contract.instrument import Instrument
from otel.contract.labels import ENDPOINT, INTERRUPTION_POINT, SOCKET_END, WORD_COUNT_RANGE

SOCKETS = Instrument(
    "tts.sockets", "gauge", "{socket}", "Open sockets over which clients send texts in pieces.", (ENDPOINT,)
)
SOCKETS_CLOSED = Instrument(
    "tts.sockets.closed", "counter", "{socket}", "Sockets that have ended, by reason.", (ENDPOINT, SOCKET_END)
)
UTTERANCE_FIRST_AUDIO = Instrument(
    "tts.utterance.first_audio",
    "histogram",
    "s",
    "Time from the arrival of the last text that an utterance of a socket needs to its first audio.",
    (ENDPOINT, WORD_COUNT_RANGE),
    buckets.SECONDS,
)

UTTERANCE_INTERRUPTION = Instrument(
    "tts.utterance.interruption",
    "histogram",
    "s",
    "How much speech of an utterance had been sent, and played, when the client of a socket stopped it.",
    (ENDPOINT, INTERRUPTION_POINT),
    buckets.AUDIO_SECONDS,
)

STREAMING_METRICS = (SOCKETS, SOCKETS_CLOSED, UTTERANCE_FIRST_AUDIO, UTTERANCE_INTERRUPTION)
