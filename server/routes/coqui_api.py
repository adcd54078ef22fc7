"""The API of Coqui's tts-server, including its MaryTTS endpoints; its clients work unchanged.

Source: coqui-tts 0.28.0, TTS/server/server.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from aiohttp import web

from server.access.caller import Scope, caller_of
from server.errors import InvalidRequest, UnsupportedFormat
from server.routes.dialect import SynthesisRequest
from server.routes.forms import MAX_FIELDS, MULTIPART, URLENCODED, Fields, read_form
from server.routes.operations import IGNORED_HEADER, audio, in_ranges, parameter, reads_text, speaks
from server.routes.requests import FormatName, TtsRequest, read_body
from server.routes.route import Handler, Operation, RequestLimits, Route
from server.synthesis.synthesizer import Synthesizer
from server.utterance import SEED_RANGE, Voice

SUMMARY = "Speak a text; compatible with Coqui's tts-server and MaryTTS."
FIELDS = {
    "text": "What to say.",
    "voice_name": "A voice; absent or empty, the default voice.",
    "language": "One of the voice's languages; absent or empty, its first; auto finds that of each sentence.",
    "response_format": "The format; absent or empty, WAV.",
    "seed": "The same seed makes the same audio (docs/seeds.md); absent or empty, the server draws one.",
}
IGNORED = "Ignored; the response header X-TTS-Ignored names it."
DEFAULT = "default"
"""tts-server's name for the voice of a single-voice model."""
DIGITS = re.compile(r"[0-9]{1,10}")
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class FormDialect:
    """A dialect with fields in the query string, in a form, or in headers; see server.routes.dialect.Dialect."""

    path: str
    names: Mapping[str, str]
    """The dialect's names, by the names of TtsRequest's fields."""
    headers: bool = False
    """Whether a field may also be a header, with a hyphen for each underscore. The header takes precedence."""
    ignored: tuple[str, ...] = field(default=())
    """Fields that are accepted but have no effect."""
    formats: Mapping[str, FormatName] = field(default_factory=dict)
    """The formats by the dialect's names, if it has a field for ``response_format``."""

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        return (
            Route("GET", self.path, handler, Scope.SPEAK, self._describe_get),
            Route("POST", self.path, handler, Scope.SPEAK, self._describe_post),
        )

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_body(request, seconds) if request.body_exists else b""

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        """Returns the request. Raises InvalidRequest if the form or the query can't be parsed."""
        fields = {**read_form(request.headers.get("Content-Type", ""), body), **_first(request)}
        if self.headers:
            field_names = (*self.names.values(), *self.ignored)
            headers = {name: _decoded(request.headers.get(name.replace("_", "-"), "")) for name in field_names}
            fields |= {name: value for name, value in headers.items() if value}
        names = self.names
        return SynthesisRequest(
            TtsRequest(
                text=fields.get(names["text"], ""),
                voice_name=_voice(fields.get(names["voice_name"], "")),
                language=fields.get(names.get("language", "")) or None,
                response_format=self._format(fields),
                seed=self._seed(fields),
            ),
            ignored=tuple(name for name in self.ignored if fields.get(name)),
        )

    def _format(self, fields: Fields) -> FormatName:
        """Returns the requested format. Raises UnsupportedFormat."""
        name = self.names.get("response_format", "")
        value = fields.get(name, "")
        if not value:
            return "wav"
        if value not in self.formats:
            raise UnsupportedFormat(f"{name} must be one of {', '.join(self.formats)}", param=name)
        return self.formats[value]

    def _seed(self, fields: Fields) -> int | None:
        """Returns the seed. Raises InvalidRequest."""
        name = self.names["seed"]
        value = fields.get(name, "")
        if not value:
            return None
        low, high = SEED_RANGE
        if not DIGITS.fullmatch(value) or not low <= int(value) <= high:
            raise InvalidRequest(f"{name}: must be an integer from {low} to {high}", param=name)
        return int(value)

    def _describe_get(self, limits: RequestLimits) -> Operation:
        """Returns the operation with the fields in the query string."""
        query = [parameter(name, "query", schema) for name, schema in self._fields(limits).items()]
        return {**in_ranges(self._speaks(None)), "parameters": query}

    def _describe_post(self, limits: RequestLimits) -> Operation:
        """Returns the operation with the fields in a form."""
        form = {"schema": {"type": "object", "properties": self._fields(limits)}}
        return self._speaks({"content": {URLENCODED: form, MULTIPART: form}})

    def _speaks(self, body: dict[str, Any] | None) -> Operation:
        operation = speaks(SUMMARY, body, audio(self.formats.values() or ["wav"]), IGNORED_HEADER)
        if self.headers:  # not as parameters: their schema would then apply to the headers too
            names = ", ".join(name.replace("_", "-") for name in (*self.names.values(), *self.ignored))
            operation["description"] = f"A field may be a header too, which counts first: {names}."
        return operation

    def _fields(self, limits: RequestLimits) -> dict[str, dict[str, Any]]:
        """Returns the schemas of the fields, by the dialect's names."""
        schemas = {
            "text": limits.text,
            "voice_name": limits.voice(optional=True),
            "response_format": {"enum": ["", *self.formats]},
            "seed": {"type": "integer", "minimum": SEED_RANGE[0], "maximum": SEED_RANGE[1]},
        }
        fields = {
            name: {"type": "string", "description": FIELDS[key], **schemas.get(key, {})}
            for key, name in self.names.items()
        }
        return fields | {name: {"type": "string", "description": IGNORED} for name in self.ignored}


TTS_DIALECT = FormDialect(
    "/api/tts",
    {"text": "text", "voice_name": "speaker_id", "language": "language_id", "seed": "seed"},
    headers=True,
    ignored=("style_wav", "speaker_wav"),  # a client must not choose a file for the server to open
)
PROCESS_DIALECT = FormDialect(
    "/process",
    {"text": "INPUT_TEXT", "voice_name": "VOICE", "response_format": "AUDIO", "seed": "SEED"},
    ignored=("LOCALE",),
    formats={"WAVE_FILE": "wav", "MP3_FILE": "mp3"},
)
"""The MaryTTS dialect. tts-server ignores LOCALE as well: the voice determines the language."""


def _voice(name: str) -> str | None:
    """Returns the voice's name, or None for the default voice."""
    return None if name in ("", DEFAULT) else name


class CoquiRoutes:
    """The routes that list voices and languages."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    def routes(self) -> tuple[Route, ...]:
        voices = reads_text("The voices as MaryTTS lists them: name, language, gender.", "text/plain")
        return (
            Route("GET", "/voices", self.voices, Scope.SPEAK, voices),
            Route(
                "GET",
                "/locales",
                self.locales,
                Scope.SPEAK,
                reads_text("The languages, a line for each.", "text/plain"),
            ),
            Route(
                "GET", "/details", self.details, Scope.SPEAK, reads_text("What each voice is, as a page.", "text/html")
            ),
        )

    async def voices(self, request: web.Request) -> web.Response:
        """Responds with a line for each voice: its name, its language, and ``u`` for an unknown gender."""
        return _lines(f"{voice.name} {voice.languages[0]} u" for voice in self._voices(request))

    async def locales(self, request: web.Request) -> web.Response:
        """Responds with a line for each language."""
        return _lines(sorted({language for voice in self._voices(request) for language in voice.languages}))

    async def details(self, request: web.Request) -> web.Response:
        """Responds with an HTML page that describes each voice."""
        text = _details(self._voices(request))
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    def _voices(self, request: web.Request) -> Iterable[Voice]:
        return self._synthesizer.voices(caller_of(request)).values()


def _details(voices: Iterable[Voice]) -> str:
    rows = "".join(
        f"<tr><td>{escape(voice.name)}<td>{escape(', '.join(voice.languages))}<td>{voice.sample_rate} Hz"
        f"<td><code>{escape(voice.checksum)}</code>"
        for voice in voices
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>ttscope: voices</title><h1>Voices</h1>"
        f"<table><tr><th>Name<th>Languages<th>Sample rate<th>Checksum of the model{rows}</table>"
    )


def _lines(lines: Iterable[str]) -> web.Response:
    return web.Response(text="".join(f"{line}\n" for line in lines))


def _first(request: web.Request) -> Fields:
    """Returns the fields of the query string; for a repeated name, the first value. Raises InvalidRequest."""
    if request.rel_url.raw_query_string.count("&") >= MAX_FIELDS:  # 20,000 fields would take 35 ms
        raise InvalidRequest(f"the query has more than {MAX_FIELDS} fields")
    return {name: request.query[name] for name in request.query}


def _decoded(value: str) -> str:
    """Returns a header's text: aiohttp decodes headers as UTF-8, but most clients send Latin-1."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
