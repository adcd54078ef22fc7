"""Writes the answer of bench.capacity as the file that the live dashboard shows."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from bench.capacity_plan import FleetForecast, Loss, NextProvider
from otel.contract.capacity_forecast import CapacityForecast, ProviderLoss, ServerCount


def count_of(forecast: FleetForecast, target: float) -> ServerCount:
    """Returns a forecast as the file holds it."""
    return ServerCount(
        servers=forecast.replicas,
        used_share=forecast.used_share,
        first_audio_p50=_finite(forecast.first_audio_p50),
        first_audio_p95=_finite(forecast.first_audio_p95),
        total_p95=_finite(forecast.total_p95),
        refused_share=forecast.refused_share,
        enough=forecast.meets(target),
    )


def loss_of(loss: Loss, following: NextProvider | None, target: float) -> ProviderLoss:
    """Returns the loss of a provider as the file holds it."""
    name = "" if following is None else following.name
    return ProviderLoss(name, loss.fallbacks, count_of(loss.before, target), count_of(loss.after, target))


def write(forecast: CapacityForecast, path: Path) -> None:
    """Writes the file at once: a reader finds the old one or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(forecast), default=datetime.isoformat, allow_nan=False, indent=1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
