"""The reports of the fallback chain, in addition to those of its providers."""

from __future__ import annotations

from typing import Protocol

from otel.contract.values import FallbackReason
from server.audio.quality import Quality
from server.providers.provider import ServerReports
from server.record import AttemptRecord
from server.utterance import Utterance


class ChainReports(ServerReports, Protocol):
    """Receives the reports of a fallback chain; called in the event loop's thread."""

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None:
        """Reports that a provider's attempt has ended."""
        ...

    def inspected(self, quality: Quality, utterance: Utterance) -> None:
        """Reports the quality of an attempt's audio."""
        ...

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        """Reports a fallback from ``failed`` to ``following``."""
        ...

    def available(self, provider: str, available: bool) -> None:
        """Reports whether the provider accepts requests."""
        ...
