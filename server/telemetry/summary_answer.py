"""The body of GET /metrics, from the parts that know its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.prediction.request_predictor import RequestPredictor
from server.synthesis.cache.cache import Cache
from server.telemetry.degradation import DegradationMonitor
from server.telemetry.summary import Summary


def describe(
    summary: Summary,
    load_seconds: Mapping[str, float],
    cache: Cache,
    degradation: DegradationMonitor,
    predictor: RequestPredictor,
) -> dict[str, Any]:
    """Returns the body; ``load_seconds`` is the load time of each model by voice."""
    return {
        **summary.describe(dict(load_seconds)),
        "cache": {
            **summary.describe_cache(),
            "bytes": cache.bytes,
            "entries": cache.entries,
            "evictions": cache.evictions,
        },
        **degradation.describe(),
        "prediction": predictor.describe(),
    }
