"""The alerts whose delivery and end are tested with a real fault in a running server."""

from __future__ import annotations

LIVE: dict[str, str] = {
    "TtsProviderSlow": "a provider that takes four times as long",
    "TtsProviderFailing": "a provider whose engine fails",
    "TtsProviderUnavailable": "a provider whose engine fails",
    "TtsCollectorAbsent": "the Collector killed",
    "TtsWatchdog": "none",
}
"""The fault of each alert; tests/integration/test_alerts_arrive.py injects it."""
