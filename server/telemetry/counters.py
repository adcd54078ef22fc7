"""Counters that exist before anything has happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from otel.contract import metrics as instruments
from otel.contract.values import (
    AttemptOutcome,
    BackgroundTask,
    CacheResult,
    FallbackReason,
    Fault,
    LossReason,
    Outcome,
    SlowReason,
    WorkerKind,
)
from otel.sdk.recording import Metrics
from server.errors import all_errors, error_type
from server.routes import dialect
from server.telemetry.provider_metrics import fallback_labels
from server.telemetry.recorder import CLIENT
from server.utterance import Voice


def begin_counters(metrics: Metrics, voices: Iterable[Voice], providers: Sequence[str]) -> None:
    """Counts nothing for what is sure to come, so that a rate exists from the first request on."""
    add = metrics.add
    for voice in voices:
        add(
            instruments.REQUESTS,
            0,
            endpoint=dialect.PATH,
            method="POST",
            status_code="200",
            voice_name=voice.label,
            language=voice.languages[0],
            outcome=Outcome.OK,
        )
        for counter in (instruments.WORDS_TOTAL, instruments.CHARACTERS_TOTAL):
            add(counter, 0, voice_name=voice.label, client=CLIENT)
        for fault in Fault:
            add(instruments.AUDIO_FAULTS, 0, fault=fault, voice_name=voice.label)
    for name in providers:
        for outcome in AttemptOutcome:
            add(instruments.PROVIDER_REQUESTS, 0, provider=name, outcome=outcome)
    for failed, following in pairwise(providers):
        for why in FallbackReason:
            add(instruments.PROVIDER_FALLBACKS, 0, **fallback_labels(failed, following, why))
    for counter, values in (
        (instruments.CACHE_REQUESTS, CacheResult),
        (instruments.SLOW_REQUESTS, SlowReason),
        (instruments.BACKGROUND_TASK_FAILURES, BackgroundTask),
        (instruments.WORKER_RESTARTS, WorkerKind),
        (instruments.EVENTS_LOST, LossReason),
    ):
        [label] = counter.attributes
        for value in values:
            add(counter, 0, **{label.name: value})
    for error in all_errors():
        add(instruments.ERRORS, 0, error_type=error_type(error), endpoint=dialect.PATH, side=error.side)
