"""OpenAI's server-sent events for speech: audio deltas, and a last event with the usage or the error."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from server.errors import SpeechError
from server.middleware.envelope import describe
from server.record import RequestRecord
from server.routes.captions import timestamp
from server.utterance import Word

CONTENT_TYPE = "text/event-stream"
TOKENS_A_SECOND = 20
"""Tokens reported per second of audio, about as many as OpenAI's models use; each word of text counts as a token."""


def delta(audio: bytes, words: Sequence[Word] = ()) -> bytes:
    """Returns an event with a piece of the audio, and the words timed since the last event."""
    timestamps = {"timestamps": [timestamp(word) for word in words]} if words else {}
    return _event("delta", audio=base64.b64encode(audio).decode(), **timestamps)


def completed(record: RequestRecord) -> bytes:
    """Returns the last event of complete audio, with the token usage."""
    words = record.utterance.words if record.utterance is not None else 0
    audio = round(record.audio_seconds * TOKENS_A_SECOND)
    return _event("done", usage={"input_tokens": words, "output_tokens": audio, "total_tokens": words + audio})


def failure(error: SpeechError) -> bytes:
    """Returns the last event of incomplete audio, with the error."""
    return _event("error", error=describe(error))


def _event(name: str, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': f'speech.audio.{name}', **fields})}\n\n".encode()
