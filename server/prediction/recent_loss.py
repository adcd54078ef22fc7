"""The recent loss of each predictor, on the same requests."""

from __future__ import annotations

import math
from collections import Counter

from otel.prediction.features import Quantiles

MEMORY = 0.99
"""The weight of a request after each further one: about the last hundred count."""


def pinball(quantile: float, actual: float, predicted: float) -> float:
    """Returns the pinball loss of a predicted quantile, on a logarithmic scale: 10 % too little of a short duration
    weighs as much as 10 % too little of a long one. Both are positive."""
    error = math.log(actual / predicted)
    return max(quantile * error, (quantile - 1) * error)


class RecentLoss:
    """The mean pinball loss of the recent predictions of p50 and p95."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}
        self._counts: Counter[str] = Counter()

    def add(self, name: str, actual: float, predicted: Quantiles) -> None:
        """Adds a prediction of the predictor ``name``."""
        loss = (pinball(0.5, actual, predicted.p50) + pinball(0.95, actual, predicted.p95)) / 2
        self._counts[name] += 1
        weight = max(1 - MEMORY, 1 / self._counts[name])
        self._means[name] = loss + (1 - weight) * (self._means.get(name, loss) - loss)

    def count(self, name: str) -> int:
        """Returns the number of predictions of a predictor."""
        return self._counts[name]

    def mean(self, name: str) -> float | None:
        """Returns the mean loss of a predictor; None without predictions."""
        return self._means.get(name)

    def forget(self, name: str) -> None:
        """Forgets a predictor that was replaced by another one of its name."""
        self._means.pop(name, None)
        self._counts.pop(name, None)
