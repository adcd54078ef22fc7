"""The settings of the recognition of clips, as a part of the server's settings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class VerificationSettings(BaseSettings):
    """Which clips are recognised, part of ``Settings``."""

    recognised_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the clips made whose words are recognised beside the requests, at the lowest priority, "
        "for tts_word_error_rate. Needs the extra verify, without which there are none; English alone. 0: none.",
    )
    verify_attempts: int = Field(
        3,
        ge=1,
        le=10,
        description='Most times that a clip is made for a request with "verify": true, if words are missing or added.',
    )
