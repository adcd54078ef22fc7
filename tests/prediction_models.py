"""Prediction models for tests: small forests whose predictions are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otel.prediction.features import TERMS, VECTOR, RequestFeatures
from otel.prediction.model_file import FORESTS, LEAF, ForestRecord, ModelRecord, PredictionModel, TreeNodes

NOW = 1_800_000_000.0
FEATURES = RequestFeatures(
    words=10,
    characters=50,
    phonemes=50,
    speed=1.0,
    streamed=False,
    audio_ahead=0.0,
    requests_ahead=0,
    throughput=10.0,
    voice="joe",
    language="en",
    response_format="wav",
    device="cpu",
)
STUMP = TreeNodes(
    feature=[VECTOR.index("streamed"), LEAF, LEAF], value=[0.5, 0.25, -0.5], left=[1, 0, 0], right=[2, 0, 0]
)
"""Adds 0.25 to a whole answer and -0.5 to a stream."""


def features(**changes: Any) -> RequestFeatures:
    """A request's features."""
    return replace(FEATURES, **changes)


def forest(seconds_per_work: float, intercept: float = 0.0, trees: tuple[TreeNodes, ...] = ()) -> ForestRecord:
    """A forest whose linear part is the work times ``seconds_per_work``."""
    weights = [seconds_per_work if term == "work" else 0.0 for term in TERMS]
    return ForestRecord(intercept=intercept, weights=weights, trees=list(trees))


def record(seconds_per_work: float = 0.065, **changes: Any) -> ModelRecord:
    """A model whose p95 is twice its p50."""
    forests = {name: forest(seconds_per_work, 0.7 if name.endswith("p95") else 0.0) for name in FORESTS}
    values: dict[str, Any] = {
        "id": "model",
        "created": NOW,
        "trained_until": NOW,
        "rows": 1000,
        "builds": ["test"],
        "voices": {"joe": "c0ffee"},
        "categories": {"voice": ["joe"], "language": ["en"], "response_format": ["wav"], "device": ["cpu"]},
        "forests": forests,
        "judgement": {"loss": 0.1},
    }
    return ModelRecord.model_validate({**values, **changes})


def model(seconds_per_work: float = 0.065, **changes: Any) -> PredictionModel:
    """The same, ready to predict."""
    return PredictionModel.of(record(seconds_per_work, **changes))
