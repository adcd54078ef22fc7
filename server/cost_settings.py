"""The settings of what the machine and its providers cost, as a part of the server's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class CostSettings(BaseSettings):
    """What speech costs, part of ``Settings``."""

    prices_file: Path | None = Field(
        None,
        description="TOML file with the price list: what a core-hour, a GPU hour, energy and a provider's characters "
        "cost, and budgets (docs/cost.md). Unset: no costs are computed.",
    )
