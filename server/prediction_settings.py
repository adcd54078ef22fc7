"""The settings of predictions, as a part of the server's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class PredictionSettings(BaseSettings):
    """Which trained model predicts durations, part of ``Settings``."""

    prediction_file: Path | None = Field(
        None,
        description="File of the trained prediction model, which the drift job writes and the server reads whenever it "
        "changes. Unset: the one in TTSCOPE_SHARED_STORE, else drift/prediction/model.json in TTSCOPE_DATA_DIR.",
    )
    prediction_hours: float = Field(
        7 * 24.0,
        gt=0,
        description="Hours after the newest request that a prediction model was trained on, until it is stale and no "
        "longer used.",
    )
