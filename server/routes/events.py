"""Speech as server-sent events, as OpenAI has them: audio in deltas, and at the end what it took, or why it failed."""

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
"""Tokens for a second of audio, about as many as OpenAI's models take; a token of text is a word here."""


def delta(audio: bytes, words: Sequence[Word] = ()) -> bytes:
    """A piece of the audio, with the words whose times are known since the last one."""
    timestamps = {"timestamps": [timestamp(word) for word in words]} if words else {}
    return _event("delta", audio=base64.b64encode(audio).decode(), **timestamps)


def completed(record: RequestRecord) -> bytes:
    """The last event of audio that is whole."""
    words = record.utterance.words if record.utterance is not None else 0
    audio = round(record.audio_seconds * TOKENS_A_SECOND)
    return _event("done", usage={"input_tokens": words, "output_tokens": audio, "total_tokens": words + audio})


def failure(error: SpeechError) -> bytes:
    """The last event of audio that broke off."""
    return _event("error", error=describe(error))


def _event(name: str, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': f'speech.audio.{name}', **fields})}\n\n".encode()
