"""ElevenLabs' WebSockets for speech: ``stream-input`` for one text, ``multi-stream-input`` for texts by name."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from server.routes.requests import SEED, TtsRequest
from server.settings import Settings
from server.streaming.conversation import Converse, SocketFormat
from server.streaming.elevenlabs_contexts import SocketOptions
from server.streaming.elevenlabs_conversations import MultiStreamInputConversation, StreamInputConversation
from server.streaming.elevenlabs_errors import NAMES, query_error_response
from server.streaming.elevenlabs_fields import PREFIXES, VOICE_PATH, Normalization
from server.streaming.elevenlabs_formats import DEFAULT, SOCKET_FORMATS, output_format
from server.streaming.message_fields import SocketQuery
from server.streaming.query import read_query, validated

IGNORED = frozenset(
    {
        "apply_language_text_normalization",
        "authorization",
        "enable_logging",
        "model_id",
        "optimize_streaming_latency",
        "single_use_token",
    }
)
"""The fields of a handshake that mean nothing here. Keys are sent in headers."""


class _Query(SocketQuery):
    output_format: str = DEFAULT
    language_code: str | None = None
    inactivity_timeout: int = Field(20, ge=1, le=180)
    sync_alignment: bool = False
    auto_mode: bool = False
    apply_text_normalization: Normalization = "auto"
    enable_ssml_parsing: Literal["false"] = "false"
    seed: int | None = SEED


CONVERSATIONS: dict[str, Converse] = {
    f"{VOICE_PATH}/stream-input": StreamInputConversation,
    f"{VOICE_PATH}/multi-stream-input": MultiStreamInputConversation,
}
SOCKET_PATHS = tuple(prefix + path for prefix in PREFIXES for path in CONVERSATIONS)


def formats(settings: Settings) -> tuple[SocketFormat, ...]:
    """Returns both formats at their paths."""

    def read(request: web.Request) -> SocketOptions:
        query = read_query(request, _Query, IGNORED)
        form = output_format(query.output_format, SOCKET_FORMATS)
        values = {
            "text": "",
            "voice_name": request.match_info["voice_id"],
            "language": query.language_code,
            "response_format": form.name,
            "stream": True,
            "seed": query.seed,
        }
        return SocketOptions(
            validated(TtsRequest, values),
            form,
            settings.buffer_delay_seconds,
            auto_mode=query.auto_mode,
            continuous=query.sync_alignment,
            inactivity_seconds=query.inactivity_timeout,
        )

    return tuple(
        SocketFormat(prefix + path, read, converse, NAMES, error_format=query_error_response)
        for prefix in PREFIXES
        for path, converse in CONVERSATIONS.items()
    )
