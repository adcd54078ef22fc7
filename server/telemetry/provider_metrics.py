"""Records the reports of providers and the fallback chain as metrics, and feeds the degradation monitor."""

from __future__ import annotations

import asyncio

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from otel.contract import metrics as instruments
from otel.contract.ranges import WORDS
from otel.contract.values import AttemptOutcome, Device, FallbackReason
from otel.sdk.recording import Metrics
from server.audio.quality import Quality
from server.record import AttemptRecord
from server.telemetry.costs import Costs
from server.telemetry.degradation import DegradationMonitor
from server.utterance import Utterance

NOWHERE = set_span_in_context(INVALID_SPAN, Context())
"""A context without a span, since an empty context would mean the current one. While a request is running it is not
decided whether its trace is kept, and every exemplar must link to a stored trace."""
JUDGED = (AttemptOutcome.OK, AttemptOutcome.ERROR, AttemptOutcome.TIMEOUT)
"""Outcomes that count for or against the provider. A text that can't be spoken or a client that left does not. Faulty
audio may be caused by an odd text: the breaker's check decides, and if it fails the provider is unavailable."""


def fallback_labels(failed: str, following: str, reason: FallbackReason) -> dict[str, str]:
    """Returns the labels of tts_provider_fallbacks_total; ``from`` can't be a keyword argument."""
    return {"from": failed, "to": following, "reason": reason}


class ProviderMetrics:
    """Receives reports; see server.synthesis.fallback.reports.ChainReports. Requires a running event loop."""

    def __init__(self, metrics: Metrics, degradation: DegradationMonitor, costs: Costs | None = None) -> None:
        self._metrics = metrics
        self._degradation = degradation
        self._costs = costs
        self._available: dict[str, bool] = {}
        self.load_seconds: dict[str, float] = {}
        """The load and warm-up time of each model in seconds, by voice name."""
        self.lost_provider: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Done when no provider can ever speak again in this process."""

    def loaded(self, voice: str, seconds: float) -> None:
        self.load_seconds[voice] = seconds

    def batch(self, size: int, padding: float) -> None:
        self._metrics.record(instruments.BATCH_SIZE, size, NOWHERE)
        self._metrics.record(instruments.BATCH_PADDING, padding, NOWHERE)

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        if self._costs is not None:
            self._costs.worked(device, seconds, saved_seconds)

    def thread_worked(self, device: Device, seconds: float) -> None:
        if self._costs is not None:
            self._costs.account.thread_worked(device, seconds)

    def task_failed(self, task: str) -> None:
        """Counts a failure of a background task."""
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
        """Counts a restart of a worker process that ended or stopped responding."""
        self._metrics.add(instruments.WORKER_RESTARTS, 1, worker=worker)

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        self._metrics.add(instruments.PROVIDER_FALLBACKS, 1, **fallback_labels(failed, following, reason))

    def available(self, provider: str, available: bool) -> None:
        self._available[provider] = available
        self._degradation.set_available(provider, available)

    def availability(self) -> list[tuple[float, dict[str, str]]]:
        """Returns the readings of tts_provider_available."""
        return [(float(available), {"provider": name}) for name, available in self._available.items()]
