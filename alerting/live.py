"""Which alerts are seen to arrive and to end, by a fault that is made in a running server."""

from __future__ import annotations

LIVE: dict[str, str] = {
    "TtsProviderSlow": "a provider that takes four times as long",
    "TtsProviderFailing": "a provider whose engine fails",
    "TtsProviderUnavailable": "a provider whose engine fails",
    "TtsCollectorAbsent": "the Collector killed",
    "TtsWatchdog": "none",
}
"""The alert, and the fault; tests/integration/test_alerts_arrive.py sees to it."""
