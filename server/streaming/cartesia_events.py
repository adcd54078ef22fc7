"""Cartesia's messages and server-sent events: the same objects, over a socket and in a response."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from server.errors import SpeechError
from server.record import RequestRecord
from server.routes.event_format import ChunkTimes
from server.streaming.conversation import Message, encode
from server.utterance import Word

STATUS = 206
"""The status code of all messages that are no errors."""


def audio_chunk(data: bytes, synthesis_seconds: float, **names: Any) -> Message:
    """Returns a message with a piece of the audio, and the real time of making it in milliseconds.

    ``names`` are the further fields of a message: those that say what it belongs to.
    """
    step = round(synthesis_seconds * 1e3, 3)
    audio = base64.b64encode(data).decode()
    return {"type": "chunk", "data": audio, "done": False, "status_code": STATUS, "step_time": step, **names}


def word_timestamps(words: Sequence[Word], **names: Any) -> Message:
    """Returns a message with the times of words, in seconds from the beginning of the audio."""
    times = {
        "words": [word.written for word in words],
        "start": [round(word.start, 3) for word in words],
        "end": [round(word.end, 3) for word in words],
    }
    return {"type": "timestamps", "word_timestamps": times, "done": False, "status_code": STATUS, **names}


def flush_done(number: int, **names: Any) -> Message:
    """Returns the message that all audio before a flush was sent. ``number`` counts from 1."""
    fields = {"flush_id": number, "flush_done": True, "done": False, "status_code": STATUS}
    return {"type": "flush_done", **fields, **names}


def done(**names: Any) -> Message:
    """Returns the message that all audio was sent."""
    return {"type": "done", "done": True, "status_code": STATUS, **names}


def failure(error: SpeechError, **names: Any) -> Message:
    """Returns the message that nothing more follows, since something was refused or has failed."""
    return {"type": "error", "done": True, "status_code": error.status, **_described(error), **names}


def refusal(error: SpeechError) -> web.Response:
    """Returns the response to an error, in Cartesia's format."""
    return web.Response(
        status=error.status, text=encode(_described(error)), content_type="application/json", headers=error.headers
    )


class CartesiaEvents:
    """The server-sent events of a call; see EventFormat."""

    content_type = "text/event-stream"

    def __init__(self, context: str | None) -> None:
        """``context`` is the name that the client gives the call, if any."""
        self._names = {} if context is None else {"context_id": context}

    def audio(self, data: bytes, times: ChunkTimes) -> bytes:
        messages = [word_timestamps(times.words, **self._names)] if times.words else []
        messages.append(audio_chunk(data, times.synthesis_seconds, **self._names))
        return b"".join(map(_event, messages))

    def completed(self, record: RequestRecord) -> bytes:
        return _event(done(**self._names))

    def failure(self, error: SpeechError, record: RequestRecord) -> bytes:
        return _event(failure(error, request_id=record.request_id, **self._names))


def _event(message: Message) -> bytes:
    return f"event: {message['type']}\ndata: {encode(message)}\n\n".encode()


def _described(error: SpeechError) -> dict[str, str]:
    """Returns what an error says."""
    title = error.error_type.replace("_", " ").capitalize()
    return {"title": title, "message": error.message, "error_code": error.error_type}
