"""How fast speech is made here: measured, for forecasts."""

from __future__ import annotations

HALF_LIFE_SECONDS = 20.0
"""Of work: what was measured so long ago counts half."""


class Meter:
    """Seconds of audio per second of work of the whole engine."""

    def __init__(self, rate: float = 1.0) -> None:
        """``rate`` is what to believe before there is a measurement."""
        self._seconds = 1.0
        self._audio = rate

    @property
    def rate(self) -> float:
        return self._audio / self._seconds

    def presume(self, rate: float) -> None:
        """Begins anew with a first measurement."""
        self._seconds, self._audio = 1.0, rate

    def add(self, audio_seconds: float, busy_seconds: float) -> None:
        """Takes in what was made in ``busy_seconds`` of the whole engine, or in twice that of half of it."""
        keep = 0.5 ** (busy_seconds / HALF_LIFE_SECONDS)
        self._audio = keep * self._audio + audio_seconds
        self._seconds = keep * self._seconds + busy_seconds
