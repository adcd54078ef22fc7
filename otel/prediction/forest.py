"""A forest: a linear part and small trees, evaluated in pure Python.

The prediction is ``linear(terms) * exp(intercept + sum of the trees)``. Trees see the logarithm of how far the linear
part is off, so a few shallow ones are enough. Trees are nested tuples ``(feature, threshold, low, high)``, in which a
leaf is a float: on CPython a step down such a tuple costs less than one through arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Node = float | tuple[int, float, "Node", "Node"]

LEAST_SECONDS = 0.001
"""The least value of the linear part."""
MOST_LOGARITHM = 6.0
"""The most by which trees may change the linear part, as a natural logarithm: 400 times."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Predicts one quantile of one duration, in seconds."""

    intercept: float
    weights: tuple[float, ...]
    """One for each of otel.prediction.features.TERMS."""
    trees: tuple[Node, ...]

    def linear(self, terms: Sequence[float]) -> float:
        """Returns the linear part alone, in seconds."""
        total = 0.0
        for weight, term in zip(self.weights, terms, strict=True):
            total += weight * term
        return max(LEAST_SECONDS, total)

    def predict(self, vector: Sequence[float], terms: Sequence[float]) -> float:
        """Returns the prediction for a request's vector and terms, in seconds."""
        total = self.intercept
        for tree in self.trees:
            node = tree
            while isinstance(node, tuple):
                node = node[2] if vector[node[0]] <= node[1] else node[3]
            total += node
        return self.linear(terms) * math.exp(min(MOST_LOGARITHM, max(-MOST_LOGARITHM, total)))
