"""Initializes counters at zero, before their first event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, product

from otel.contract import metrics as instruments
from otel.contract.instrument import Instrument
from otel.contract.labels import OTHER, Source
from otel.contract.playback_metrics import PLAYBACKS
from otel.contract.prediction_metrics import DRY_RUNS, PREDICTIONS
from otel.contract.security_metrics import AUDIT_ENTRIES, AUDIT_FAILURES, AUTH_ATTEMPTS
from otel.contract.values import FallbackReason, Outcome
from otel.contract.verification_metrics import RECOGNITIONS, VERIFICATIONS
from otel.sdk.recording import Metrics
from server.errors import (
    BadRequest,
    HeadersTooLarge,
    RequestTimeout,
    TooManyConnections,
    UriTooLong,
    all_errors,
    error_type,
)
from server.telemetry.provider_metrics import fallback_labels
from server.utterance import Voice

USE = (instruments.WORDS_TOTAL, instruments.CHARACTERS_TOTAL)
"""The counters by voice and key."""
ALL_VALUES = (
    instruments.AUDIO_FAULTS,
    instruments.PROVIDER_REQUESTS,
    instruments.CACHE_REQUESTS,
    instruments.CANCELLATIONS,
    instruments.SLOW_REQUESTS,
    instruments.BACKGROUND_TASK_FAILURES,
    instruments.WORKER_RESTARTS,
    instruments.EVENTS_LOST,
    AUTH_ATTEMPTS,
    AUDIT_ENTRIES,
    AUDIT_FAILURES,
    instruments.RATE_LIMITED,
    PREDICTIONS,
    DRY_RUNS,
    RECOGNITIONS,
    VERIFICATIONS,
    PLAYBACKS,
)
"""Counters that are initialized for every combination of their label values."""
MOST_USE = 1000
"""The most series of words, and of characters, that begin at zero: there is one for each voice and key."""
MOST_BEGUN = 50
"""The most keys whose series begin at zero."""
UNSEEN = (BadRequest, HeadersTooLarge, RequestTimeout, TooManyConnections, UriTooLong)
"""The errors of requests that never reach the application, whose endpoint may be unknown."""


def begin_counters(
    metrics: Metrics, voices: Iterable[Voice], providers: Sequence[str], endpoint: str, clients: Sequence[str]
) -> None:
    """Adds zero to the expected series of the counters, so that a rate exists from the first request on.

    ``endpoint`` is the path of the server's native speech API. ``clients`` are the names of keys.
    """
    add = metrics.add
    voices = tuple(voices)
    begin_use(metrics, voices, clients)
    source_values = {Source.VOICES: [voice.label for voice in voices], Source.PROVIDERS: providers}
    for counter in ALL_VALUES:
        for labels in _combinations(counter, source_values):
            add(counter, 0, **labels)
    for voice in voices:
        add(
            instruments.REQUESTS,
            0,
            endpoint=endpoint,
            method="POST",
            status_code="200",
            voice_name=voice.label,
            language=voice.languages[0],
            outcome=Outcome.OK,
        )
    for failed, following in pairwise(providers):
        for reason in FallbackReason:
            add(instruments.PROVIDER_FALLBACKS, 0, **fallback_labels(failed, following, reason))
    for error in all_errors():
        add(instruments.ERRORS, 0, error_type=error_type(error), endpoint=endpoint, side=error.side)
    for error in UNSEEN:
        add(instruments.ERRORS, 0, error_type=error_type(error), endpoint=OTHER, side=error.side)
        add(
            instruments.REQUESTS,
            0,
            endpoint=OTHER,
            method=OTHER,
            status_code=str(error.status),
            voice_name=OTHER,
            language=OTHER,
            outcome=Outcome.REJECTED,
        )


def begin_use(metrics: Metrics, voices: Iterable[Voice], clients: Sequence[str]) -> None:
    """Adds zero to the series of words and characters of keys, so that their first request is seen to be new.

    ``clients`` are names of keys; with many voices, only the first of them.
    """
    labels = [voice.label for voice in voices]
    source_values = {Source.VOICES: labels, Source.CLIENTS: clients[: max(1, MOST_USE // max(1, len(labels)))]}
    for counter in USE:
        for values in _combinations(counter, source_values):
            metrics.add(counter, 0, **values)


def _combinations(counter: Instrument, source_values: Mapping[Source, Sequence[str]]) -> Iterable[dict[str, str]]:
    """Returns every combination of the counter's label values."""
    names = [label.name for label in counter.attributes]
    values = [
        source_values[label.values] if isinstance(label.values, Source) else label.values
        for label in counter.attributes
    ]
    return (dict(zip(names, combination, strict=True)) for combination in product(*values))
