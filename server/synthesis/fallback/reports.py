"""What a chain of providers reports, beside what its providers report themselves."""

from __future__ import annotations

from typing import Protocol

from otel.contract.values import FallbackReason
from server.audio.quality import Quality
from server.providers.provider import ServerReports
from server.record import AttemptRecord
from server.utterance import Utterance


class ChainReports(ServerReports, Protocol):
    """The receiver of a chain's reports; called from the event loop's thread."""

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None:
        """A provider's attempt has ended."""
        ...

    def inspected(self, quality: Quality, utterance: Utterance) -> None:
        """A clip was made, and judged."""
        ...

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        """``following`` is asked for what ``failed`` could not do."""
        ...

    def available(self, provider: str, available: bool) -> None:
        """Whether the provider may be sent requests."""
        ...
