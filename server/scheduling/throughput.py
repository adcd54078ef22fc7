"""The measured throughput of speech synthesis, for forecasts."""

from __future__ import annotations

HALF_LIFE_SECONDS = 20.0
"""Seconds of work after which the weight of a measurement has halved."""


class Throughput:
    """Seconds of audio that the whole engine makes per second of work."""

    def __init__(self, rate: float = 1.0) -> None:
        """``rate`` is used until there is a measurement."""
        self._seconds = 1.0
        self._audio = rate

    @property
    def rate(self) -> float:
        return self._audio / self._seconds

    def reset(self, rate: float) -> None:
        """Discards all measurements and starts again from ``rate``."""
        self._seconds, self._audio = 1.0, rate

    def add(self, audio_seconds: float, busy_seconds: float) -> None:
        """Adds audio that took ``busy_seconds`` of the whole engine, or twice as long on half of it."""
        weight = 0.5 ** (busy_seconds / HALF_LIFE_SECONDS)
        self._audio = weight * self._audio + audio_seconds
        self._seconds = weight * self._seconds + busy_seconds
