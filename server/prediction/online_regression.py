"""A linear regression that is learned request by request: recursive least squares with forgetting."""

from __future__ import annotations

from collections.abc import Sequence

MEMORY = 0.99
"""The weight of a request after each further one: about the last hundred count."""
UNCERTAINTY = 100.0
"""The variance of the first weights, relative to their squares and to the variance of a request: durations vary by
about 10 %, the first weights by 100 %."""
MOST_GROWTH = 1e4
"""The most by which a variance may grow. Forgetting lets that of a term that is always zero grow without bound."""


class OnlineRegression:
    """Learns ``y = weights . x``. Errors count relative to ``y``, since long texts would outweigh all others.

    Source: Haykin, Adaptive Filter Theory, "The method of least squares, recursive form".
    """

    def __init__(self, weights: Sequence[float]) -> None:
        """``weights`` are used until there are observations; none is zero."""
        self.weights = list(weights)
        self._first_variances = [UNCERTAINTY * weight**2 for weight in weights]
        self._variance = self._diagonal()

    def predict(self, x: Sequence[float]) -> float:
        """Returns the expected ``y``."""
        return sum(weight * term for weight, term in zip(self.weights, x, strict=True))

    def learn(self, x: Sequence[float], y: float) -> None:
        """Adds an observation; ``y`` is positive. Takes time by the square of the number of terms."""
        scaled = [term / y for term in x]
        gain = [sum(value * term for value, term in zip(row, scaled, strict=True)) for row in self._variance]
        denominator = MEMORY + sum(value * term for value, term in zip(gain, scaled, strict=True))
        error = 1.0 - self.predict(scaled)
        for row, value in enumerate(gain):
            self.weights[row] += value / denominator * error
        for row, own in enumerate(self._variance):
            for column in range(len(own)):
                own[column] = (own[column] - gain[row] * gain[column] / denominator) / MEMORY
        limits = (MOST_GROWTH * variance for variance in self._first_variances)
        if any(own[row] > limit for row, (own, limit) in enumerate(zip(self._variance, limits, strict=True))):
            self._variance = self._diagonal()

    def _diagonal(self) -> list[list[float]]:
        """Returns the variances of the beginning."""
        size = len(self._first_variances)
        return [
            [variance if row == column else 0.0 for column in range(size)]
            for row, variance in enumerate(self._first_variances)
        ]
