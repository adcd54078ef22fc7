"""ElevenLabs' calls for speech over HTTP: the text in the body, the voice in the path, the format in the query."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from server.access.caller import Scope
from server.audio.formats import Format
from server.errors import InvalidJson, SpeechError
from server.record import RequestRecord
from server.routes.dialect import SynthesisRequest
from server.routes.event_format import ChunkTimes
from server.routes.requests import SEED, TtsRequest, read_json
from server.routes.route import Handler, Route
from server.streaming.conversation import encode
from server.streaming.elevenlabs_alignment import AlignmentClock, call_alignment
from server.streaming.elevenlabs_errors import NAMES, error_response
from server.streaming.elevenlabs_fields import (
    PREFIXES,
    STRICT,
    VOICE_PATH,
    Normalization,
    VoiceSettings,
    changes,
    effective,
)
from server.streaming.elevenlabs_formats import DEFAULT, OUTPUT_FORMATS, output_format
from server.streaming.query import read_query, validated
from server.utterance import Word

IGNORED = frozenset(
    {
        "apply_language_text_normalization",
        "model_id",
        "next_request_ids",
        "next_text",
        "previous_request_ids",
        "previous_text",
        "use_pvc_as_ivc",
    }
)
"""The fields of the body that mean nothing here."""
IGNORED_IN_QUERY = frozenset({"enable_logging", "model_id", "optimize_streaming_latency"})
"""The same of the query."""


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    output_format: str = DEFAULT


class TextToSpeechRequest(BaseModel):
    """The body of a call, without the fields that mean nothing here."""

    model_config = STRICT

    text: str
    language_code: str | None = None
    voice_settings: VoiceSettings | None = None
    apply_text_normalization: Normalization | None = None
    seed: int | None = SEED


class ElevenLabsDialect:
    """See server.routes.dialect.Dialect."""

    names = NAMES

    def __init__(self, path: str, *, streamed: bool, timed: bool) -> None:
        """``timed`` is whether the answer has the times of characters."""
        self.path = path
        self._streamed = streamed
        self._timed = timed

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        return (Route("POST", self.path, handler, Scope.SPEAK, None, error_format=error_response),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        query = read_query(request, _Query, IGNORED_IN_QUERY)
        form = output_format(query.output_format, OUTPUT_FORMATS)
        fields = _json_object(body)
        speech = validated(TextToSpeechRequest, effective(fields, IGNORED))
        values = {
            "text": speech.text,
            "voice_name": request.match_info["voice_id"],
            "language": speech.language_code,
            "response_format": form.name,
            "stream": self._streamed,
            "timestamps": self._timed,
            "seed": speech.seed,
        }
        return SynthesisRequest(
            validated(TtsRequest, values | changes(speech.voice_settings)),
            events=CharacterEvents(form) if self._streamed and self._timed else None,
            ignored=tuple(name for name in sorted(IGNORED) if fields.get(name) is not None),
            form=form,
            captions=partial(_captions, form),
        )


class CharacterEvents:
    """Lines of JSON with audio and the times of characters; see EventFormat. A stream that breaks off has no last line
    that clients would know, so its connection is cut."""

    content_type = "application/x-ndjson"

    def __init__(self, form: Format) -> None:
        """``form`` is the format of the audio."""
        self._clock = AlignmentClock(form)

    def audio(self, data: bytes, times: ChunkTimes) -> bytes:
        return _line(data, times.words, self._clock)

    def completed(self, record: RequestRecord) -> bytes:
        return b""

    def failure(self, error: SpeechError, record: RequestRecord) -> bytes:
        return b""


def _captions(form: Format, audio: Sequence[bytes], audio_format: str, words: Sequence[Word]) -> bytes:
    """See server.routes.captions.Captions."""
    return _line(b"".join(audio), words, AlignmentClock(form))


def _line(audio: bytes, words: Sequence[Word], clock: AlignmentClock) -> bytes:
    _, characters = clock.align(audio, words)
    times = call_alignment(characters)
    message: dict[str, Any] = {
        "audio_base64": base64.b64encode(audio).decode(),
        "alignment": times,
        "normalized_alignment": times,
    }
    return f"{encode(message)}\n".encode()


def _json_object(body: bytes) -> dict[str, Any]:
    """Returns a body as an object. Raises InvalidJson."""
    try:
        fields = from_json(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidJson("the body must be a JSON object in UTF-8")
    return fields


DIALECTS = tuple(
    ElevenLabsDialect(f"{prefix}{VOICE_PATH}{path}", streamed=streamed, timed=timed)
    for prefix in PREFIXES
    for path, streamed, timed in (
        ("", False, False),
        ("/stream", True, False),
        ("/with-timestamps", False, True),
        ("/stream/with-timestamps", True, True),
    )
)
"""Every call at its paths."""
