"""The settings of aliases: names that stand for a voice with a language, speed and loudness."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from server.utterance import LOUDNESS_RANGE, SPEED_RANGE, VOICE_NAME

MOST_ALIASES = 1000
MOST_BYTES = 1_000_000
"""The largest file that is read."""

AliasName = Annotated[str, Field(pattern="^[!-~]{1,128}$")]
"""The name of a voice in any API: printable ASCII without spaces."""


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name stands for; None stands for the default of a request."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    voice: Annotated[str, Field(pattern=f"^{VOICE_NAME.pattern}$")]
    language: Annotated[str, Field(pattern="^(auto|[a-z]{2,3}(-[a-z0-9]{1,8})*)$")] | None = None
    speed: Annotated[float, Field(ge=SPEED_RANGE[0], le=SPEED_RANGE[1])] | None = None
    loudness: Annotated[float, Field(ge=LOUDNESS_RANGE[0], le=LOUDNESS_RANGE[1])] | None = None
    """LUFS, of whole answers; a stream's loudness is known at its end."""


class AliasSettings(BaseSettings):
    """The aliases, part of ``Settings``."""

    aliases: Annotated[dict[AliasName, Alias], NoDecode] = Field(
        {},
        max_length=MOST_ALIASES,
        description="Names of any API that stand for an installed voice, as JSON or the path of a JSON file: "
        '{"21m00Tcm4TlvDq8ikWAM": {"voice": "joe", "language": "en", "speed": 1.1, "loudness": -16}}. Only voice is '
        "needed; what a request gives itself counts first, and streams have no loudness. Up to 128 printable ASCII "
        "characters without spaces. They come before OpenAI's names and voices of the same name.",
    )

    @field_validator("aliases", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        """Here, since a mistake in what pydantic-settings decodes itself is not reported with the others."""
        if not isinstance(value, str):
            return value
        content = value if value.lstrip().startswith("{") else _content(Path(value))
        try:
            return json.loads(content)
        except ValueError:
            raise ValueError("must be a JSON object in UTF-8") from None


def _content(path: Path) -> bytes:
    """Returns a file's content. Raises ValueError if it can't be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"the file must have at most {MOST_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"must be a JSON object, or the path of a file with one: {error.strerror}") from None
