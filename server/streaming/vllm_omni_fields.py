"""The messages that vLLM-Omni's clients send over its WebSocket for speech."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from server.errors import InvalidRequest
from server.routes.requests import SEED, TtsRequest
from server.streaming.conversation import Message
from server.streaming.message_fields import Traceparent
from server.streaming.query import validated
from server.utterance import SPEED_RANGE

IGNORED = (
    "model",
    "task_type",
    "instructions",
    "max_new_tokens",
    "initial_codec_chunk_frames",
    "non_streaming_mode",
)
"""The fields that mean nothing to the voices of this server."""
CLONING = ("ref_audio", "ref_text", "x_vector_only_mode", "speaker_embedding")
"""The fields that ask for the voice of a recording; here it is registered once, and then has a name."""
LANGUAGES = {
    "chinese": "zh",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "portuguese": "pt",
    "russian": "ru",
    "spanish": "es",
}
"""The languages that clients call by their English names."""


class SessionConfig(BaseModel):
    """How the texts that follow are spoken."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    type: Literal["session.config"]
    voice: str | None = Field(None, validation_alias=AliasChoices("voice", "speaker"))
    language: str | None = None
    response_format: Literal["wav", "pcm", "flac", "mp3", "aac", "opus"] = "wav"
    speed: float | None = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1])
    stream_audio: bool = False
    word_timestamps: bool = False
    split_granularity: Literal["none", "sentence", "clause"] = "none"
    seed: int | None = SEED

    def speech(self) -> TtsRequest:
        """Returns the request that each text completes. Raises InvalidRequest for options that exclude each other."""
        if self.stream_audio and self.response_format != "pcm":
            raise InvalidRequest("stream_audio: needs response_format pcm", param="stream_audio")
        if self.word_timestamps and not self.stream_audio:
            raise InvalidRequest("word_timestamps: needs stream_audio and response_format pcm", param="word_timestamps")
        language = self.language and self.language.lower()
        return TtsRequest(
            text="",
            voice_name=self.voice,
            language=language and LANGUAGES.get(language, language),
            speed=1.0 if self.speed is None else self.speed,
            response_format=self.response_format,
            stream=True,
            timestamps=self.word_timestamps,
            seed=self.seed,
        )


class InputText(BaseModel):
    """A piece of a text."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    type: Literal["input.text"]
    text: str
    traceparent: Traceparent | None = None


def read_config(message: Message) -> SessionConfig:
    """Returns the configuration. Raises InvalidRequest for what this server can't do, and for unknown fields."""
    if message.get("task_type") not in (None, "CustomVoice"):
        raise InvalidRequest("task_type: must be CustomVoice: voices are chosen by their names", param="task_type")
    for name in CLONING:
        if message.get(name) is not None:
            raise InvalidRequest(f"{name}: a voice of a recording is registered first, and has a name", param=name)
    return validated(
        SessionConfig, {name: value for name, value in message.items() if name not in (*IGNORED, *CLONING)}
    )
