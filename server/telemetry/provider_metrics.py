"""The reports of providers and their chain, as metrics and for the degradation monitor."""

from __future__ import annotations

import asyncio

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from otel.contract import metrics as instruments
from otel.contract.ranges import WORDS
from otel.contract.values import AttemptOutcome, FallbackReason
from otel.sdk.recording import Metrics
from server.audio.quality import Quality
from server.record import AttemptRecord
from server.telemetry.degradation import DegradationMonitor
from server.utterance import Utterance

NOWHERE = set_span_in_context(INVALID_SPAN, Context())
"""No span (an empty context would be taken for the current one): while a request goes on, nobody knows whether its
trace will be kept, and every exemplar must open."""
JUDGED = (AttemptOutcome.OK, AttemptOutcome.ERROR, AttemptOutcome.TIMEOUT)
"""Outcomes that say something of the provider. A text that can't be spoken, or a client that left, does not. Faulty
audio may be the fault of an odd text: the breaker's check decides that, and then the provider is unavailable."""


def fallback_labels(failed: str, following: str, reason: FallbackReason) -> dict[str, str]:
    """Returns the labels of tts_provider_fallbacks_total; ``from`` can't be written as a keyword."""
    return {"from": failed, "to": following, "reason": reason}


class ProviderMetrics:
    """Receives reports, see server.synthesis.fallback.reports.ChainReports. Made inside a running event loop."""

    def __init__(self, metrics: Metrics, degradation: DegradationMonitor) -> None:
        self._metrics = metrics
        self._degradation = degradation
        self._available: dict[str, bool] = {}
        self.load_seconds: dict[str, float] = {}
        """The time that each model took to load and warm up, by the name of its voice."""
        self.lost_provider: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Done when no provider will ever speak again in this process."""

    def loaded(self, voice: str, seconds: float) -> None:
        self.load_seconds[voice] = seconds

    def batch(self, size: int, padding: float) -> None:
        self._metrics.record(instruments.BATCH_SIZE, size, NOWHERE)
        self._metrics.record(instruments.BATCH_PADDING, padding, NOWHERE)

    def task_failed(self, task: str) -> None:
        """A task that runs beside the requests has failed."""
        self._metrics.add(instruments.BACKGROUND_TASK_FAILURES, 1, task=task)

    def lost(self, error: Exception) -> None:
        if not self.lost_provider.done():
            self.lost_provider.set_result(error)

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None:
        name, outcome = attempt.provider, attempt.outcome
        self._metrics.add(instruments.PROVIDER_REQUESTS, 1, provider=name, outcome=outcome)
        ok = outcome is AttemptOutcome.OK
        if ok:
            self._metrics.record(instruments.PROVIDER_DURATION, attempt.work_seconds, NOWHERE, provider=name)
        if outcome in JUDGED:
            self._degradation.add(name, WORDS.label(utterance.words), attempt.work_seconds if ok else None, ok)

    def inspected(self, quality: Quality, utterance: Utterance) -> None:
        for fault in quality.faults:
            self._metrics.add(instruments.AUDIO_FAULTS, 1, fault=fault, voice_name=utterance.voice.label)

    def worker_restarted(self, worker: str) -> None:
        """A worker process has ended, or did not answer, and is replaced."""
        self._metrics.add(instruments.WORKER_RESTARTS, 1, worker=worker)

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        self._metrics.add(instruments.PROVIDER_FALLBACKS, 1, **fallback_labels(failed, following, reason))

    def available(self, provider: str, available: bool) -> None:
        self._available[provider] = available
        self._degradation.set_available(provider, available)

    def availability(self) -> list[tuple[float, dict[str, str]]]:
        """Returns the readings of tts_provider_available."""
        return [(float(available), {"provider": name}) for name, available in self._available.items()]
