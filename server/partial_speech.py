"""How far the speech of an utterance had come when the client of a socket stopped it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartialSpeech:
    """Parts of a speech from its beginning, in seconds."""

    sent: float
    """What had been sent."""
    played: float | None
    """What the client had played, at most ``sent``; None if the client does not say."""
