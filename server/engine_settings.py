"""The settings of the engine that decide what its numbers are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class EngineSettings(BaseSettings):
    """How the engine computes, part of ``Settings``."""

    number_format: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format in which voices are decoded. auto: at each start, the fastest one without an "
        "audible difference. A fixed one keeps seeds exact on machines where two are about as fast; a voice is not "
        "loaded if the device lacks it.",
    )
