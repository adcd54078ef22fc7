"""OpenAI's server-sent events for speech: audio deltas, and a last event with the usage or the error."""

from __future__ import annotations

import base64
import json
from typing import Any

from server.errors import SpeechError
from server.middleware.envelope import describe
from server.record import RequestRecord
from server.routes.captions import timestamp
from server.routes.event_format import ChunkTimes

CONTENT_TYPE = "text/event-stream"
TOKENS_A_SECOND = 20
"""Tokens reported per second of audio, about as many as OpenAI's models use; each word of text counts as a token."""


class OpenAiEvents:
    """OpenAI's events; see EventFormat."""

    content_type = CONTENT_TYPE

    def audio(self, data: bytes, times: ChunkTimes) -> bytes:
        timestamps = {"timestamps": [timestamp(word) for word in times.words]} if times.words else {}
        return _event("delta", audio=base64.b64encode(data).decode(), **timestamps)

    def completed(self, record: RequestRecord) -> bytes:
        """Returns the event with the token usage."""
        words = record.utterance.words if record.utterance is not None else 0
        audio = round(record.audio_seconds * TOKENS_A_SECOND)
        return _event("done", usage={"input_tokens": words, "output_tokens": audio, "total_tokens": words + audio})

    def failure(self, error: SpeechError, record: RequestRecord) -> bytes:
        return _event("error", error=describe(error))


def _event(name: str, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': f'speech.audio.{name}', **fields})}\n\n".encode()
