"""The baseline of predictions: the quantiles of the recent requests in the same range of words."""

from __future__ import annotations

from otel.contract.ranges import WORDS
from otel.prediction.features import Quantiles
from server.prediction.recent_values import RecentValues

ENOUGH_REQUESTS = 20


class RangeBaseline:
    """Learns the durations of each range of words."""

    def __init__(self) -> None:
        self._durations: dict[str, RecentValues] = {}

    def predict(self, words: int) -> Quantiles | None:
        """Returns the quantiles of the range; None while it has too few requests."""
        durations = self._durations.get(WORDS.label(words))
        if durations is None or len(durations) < ENOUGH_REQUESTS:
            return None
        return Quantiles(durations.quantile(0.5), durations.quantile(0.95))

    def learn(self, words: int, duration: float) -> None:
        """Adds a request that took ``duration`` seconds."""
        self._durations.setdefault(WORDS.label(words), RecentValues()).add(duration)
