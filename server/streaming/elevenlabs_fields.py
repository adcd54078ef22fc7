"""The fields that ElevenLabs' calls and messages share, and what they mean here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.errors import InvalidRequest
from server.utterance import SPEED_RANGE

PREFIXES = ("", "/elevenlabs")
"""The beginnings of the paths. Under the first one, a path that the server uses itself is left out."""
VOICE_PATH = "/v1/text-to-speech/{voice_id}"
STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
Normalization = Literal["auto", "on"]
"""Whether numbers and abbreviations are written out. They always are."""
REFUSED = {
    "audio_effects": "there are no effects",
    "pronunciation_dictionary_locators": "there are no such dictionaries; those of the server are used",
}
"""Why a field may only be null or empty."""


class VoiceSettings(BaseModel):
    """How the voice speaks. All but the speed mean nothing to the voices of this server."""

    model_config = STRICT

    speed: float | None = Field(None, ge=SPEED_RANGE[0], le=SPEED_RANGE[1])
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    clone_strength: float | None = None


def changes(settings: VoiceSettings | None) -> dict[str, Any]:
    """Returns the fields of TtsRequest that settings change."""
    return {} if settings is None or settings.speed is None else {"speed": settings.speed}


def effective(fields: Mapping[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    """Returns the fields of a call or a message without those of ``ignored``. Raises InvalidRequest for one that asks
    for what the server does not have."""
    for name, reason in REFUSED.items():
        if fields.get(name):
            raise InvalidRequest(f"{name}: must be empty, since {reason}", param=name)
    return {name: value for name, value in fields.items() if name not in ignored | REFUSED.keys()}
