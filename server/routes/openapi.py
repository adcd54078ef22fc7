"""GET /openapi.json: what can be called, described from the types that validate it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from pydantic.json_schema import models_json_schema

from server import VERSION
from server.audio import uploads
from server.audio.formats import FORMATS
from server.errors import (
    MetricsDisabled,
    SpeechError,
    UnknownModel,
    UnknownPath,
    UnknownTrace,
    all_errors,
    error_type,
)
from server.routes import (
    coqui_api,
    events,
    health,
    metrics,
    openai_api,
    schemas,
    speech,
    traces,
    voice_lists,
    voice_registration,
)
from server.routes.forms import MULTIPART, URLENCODED
from server.routes.openai_api import SpeechRequest
from server.routes.pages import Page
from server.routes.requests import JSON, TtsRequest
from server.synthesis.synthesizer import Synthesizer
from server.utterance import VOICE_NAME
from server.voices.aliases import ALIASES

PATH = "/openapi.json"
DOCS_PATH = "/docs"
REFERENCE = "#/components/schemas/{model}"
OCTETS = "application/octet-stream"
WRONG = "What went wrong."
HEADERS = {
    "X-Request-ID": "Of this request: yours, if it was a UUID.",
    "X-Trace-ID": "Of its trace.",
    "Server-Timing": "Milliseconds of each stage so far.",
    "X-TTS-Provider": "Who spoke.",
    "X-TTS-Cache": "Where the audio comes from.",
    "X-TTS-Word-Count-Range": "Of the text, without emotion tags.",
    "X-TTS-Character-Count-Range": "Of the text, without emotion tags.",
}
"""Of every answer with speech."""
IGNORED_HEADER = {"X-TTS-Ignored": "Fields of the request that mean nothing here."}
OF_OTHER_CALLS = {MetricsDisabled, UnknownModel, UnknownPath, UnknownTrace}
"""Errors that no call for audio has."""
READS: dict[str, tuple[str, dict[str, Any]]] = {
    voice_lists.VOICES_PATH: ("The voices that can be asked for.", schemas.VOICES),
    voice_lists.AUDIO_MODELS_PATH: ("The models that can be named, as Open WebUI reads them.", schemas.AUDIO_MODELS),
    voice_lists.MODELS_PATH: ("The models that can be named, as OpenAI's clients read them.", schemas.MODELS),
    voice_lists.MODEL_PATH: ("One of them.", schemas.MODEL),
    health.HEALTH_PATH: ("Whether the process is alive.", schemas.STATUS),
    health.READY_PATH: ("Whether it can speak: 503 until a voice has spoken, and at its end.", schemas.STATUS),
    metrics.SUMMARY_PATH: ("Totals, rates and durations by word and character range.", schemas.SUMMARY),
    traces.LIST_PATH: ("The last and the slowest kept traces.", schemas.TRACES),
    traces.TRACE_PATH: ("One kept trace with all its spans.", schemas.TRACE),
    PATH: ("This description.", {"type": "object"}),
}
TEXTS = {
    metrics.PROMETHEUS_PATH: (
        "Every metric as Prometheus text; as OpenMetrics with exemplars when Accept asks for it.",
        ("text/plain", "application/openmetrics-text"),
    ),
    coqui_api.VOICES_PATH: ("The voices as MaryTTS lists them: name, language, gender.", ("text/plain",)),
    coqui_api.LOCALES_PATH: ("The languages, a line for each.", ("text/plain",)),
    coqui_api.DETAILS_PATH: ("What each voice is, as a page.", ("text/html",)),
    DOCS_PATH: ("This description as a page.", ("text/html",)),
}
PARAMETERS = {
    traces.TRACE_PATH: "The X-Trace-ID or the X-Request-ID of an answer.",
    voice_lists.MODEL_PATH: "The model's name.",
}
IGNORED = "Taken, and ignored: the header X-TTS-Ignored of the answer says so."
FIELDS = {
    "text": "What to say.",
    "voice_name": "A voice; absent or empty, the default voice.",
    "language": "One of the voice's languages; absent or empty, its first.",
}


class OpenApiRoute:
    """The handler of GET /openapi.json."""

    def __init__(self, synthesizer: Synthesizer, max_characters: int) -> None:
        self._page = Page(
            synthesizer, lambda voices: json.dumps(describe(sorted(voices), max_characters)), "application/json"
        )

    async def __call__(self, request: web.Request) -> web.Response:
        return await self._page.answer()


def describe(voices: Sequence[str], max_characters: int) -> dict[str, Any]:
    """The whole description, OpenAPI 3.1."""
    names = [*voices, *(alias for alias in ALIASES if alias not in voices)]
    text = {"type": "string", "minLength": 1, "maxLength": max_characters}
    paths: dict[str, Any] = {
        speech.PATH: {
            "post": _speaks(
                "Speak a text; with timestamps as JSON, or in server-sent events where it is streamed.",
                _json("TtsRequest"),
                {
                    **_audio(FORMATS),
                    JSON: {"schema": schemas.CAPTIONS},
                    events.CONTENT_TYPE: {"schema": schemas.EVENT},
                },
            )
        },
        openai_api.PATH: {
            "post": _speaks(
                "Speak a text, asked for as OpenAI's clients do; sent while it is being made.",
                _json("SpeechRequest"),
                {**_audio(FORMATS), events.CONTENT_TYPE: {"schema": schemas.EVENT}},
                IGNORED_HEADER,
            )
        },
    }
    for path, call in ((coqui_api.PATH, coqui_api.TTS_DIALECT), (coqui_api.PROCESS_PATH, coqui_api.PROCESS_DIALECT)):
        paths[path] = _form_call(call, {"text": text, "voice_name": {"type": "string", "enum": ["", *names]}})
    paths[voice_registration.PATH] = _registering()
    for path, (summary, schema) in READS.items():
        paths[path] = {"get": _reads(path, summary, {JSON: {"schema": schema}})}
    for path, (summary, kinds) in TEXTS.items():
        paths[path] = {"get": _reads(path, summary, {kind: {"schema": {"type": "string"}} for kind in kinds})}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ttscope", "version": VERSION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": {**_models(names, text), "Error": schemas.ERROR}},
    }


def _models(voices: Sequence[str], text: dict[str, Any]) -> dict[str, Any]:
    """What JSON bodies are, with what only the running server knows: its voices, and its longest text."""
    _, described = models_json_schema(
        [(TtsRequest, "validation"), (SpeechRequest, "validation")], ref_template=REFERENCE
    )
    models: dict[str, Any] = described["$defs"]
    models["TtsRequest"]["properties"]["text"] |= text
    models["SpeechRequest"]["properties"]["input"] |= text
    for schema in (
        models["TtsRequest"]["properties"]["voice_name"]["anyOf"][0],
        models["SpeechRequest"]["properties"]["voice"]["anyOf"][0],
        models["VoiceId"]["properties"]["id"],
    ):
        schema["enum"] = list(voices)
    return models


def _reads(path: str, summary: str, content: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, "default": _error(WRONG)},
    }
    if path in PARAMETERS:
        operation["parameters"] = [
            _parameter("id", "path", {"type": "string", "description": PARAMETERS[path]}, required=True)
        ]
    return operation


def _form_call(call: coqui_api.FormDialect, forms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same fields in the query string of a GET, or in the form of a POST; ``forms`` are schemas of some of them."""
    fields = {
        theirs: {"type": "string", "description": FIELDS[ours], **forms.get(ours, {})}
        for ours, theirs in call.names.items()
    }
    fields |= {name: {"type": "string", "description": IGNORED} for name in call.ignored}
    summary = "Speak a text, asked for as Coqui's tts-server and MaryTTS are."
    query = [_parameter(name, "query", schema) for name, schema in fields.items()]
    form = {"schema": {"type": "object", "properties": fields}}
    wav = _audio(["wav"])
    get = _speaks(summary, None, wav, IGNORED_HEADER)
    post = _speaks(summary, {"content": {URLENCODED: form, MULTIPART: form}}, wav, IGNORED_HEADER)
    if call.headers:  # no parameters, since they would change what the others have to be
        get["description"] = post["description"] = (
            f"A field may be a header too, which counts first: {', '.join(name.replace('_', '-') for name in fields)}."
        )
    return {"get": {**get, "parameters": query}, "post": post}


def _registering() -> dict[str, Any]:
    """How a recording becomes a voice, and is forgotten."""
    name = {"type": "string", "pattern": f"^{VOICE_NAME.pattern}$", "description": "What the voice is called."}
    parameters = [_parameter("id", "path", name, required=True)]
    recording = {"schema": {"type": "string", "format": "binary", "description": "The recording."}}
    voice = {JSON: {"schema": schemas.REGISTERED}}
    refused = {"404": _error("unknown_path where nobody clones voices; unknown_voice"), "default": _error(WRONG)}
    return {
        "put": {
            "parameters": parameters,
            "summary": f"Make a voice of a recording of {uploads.SHORTEST:g} to {uploads.LONGEST:g} seconds.",
            "requestBody": {"required": True, "content": dict.fromkeys(("audio/*", OCTETS), recording)},
            "responses": {
                "201": {"description": "There is a new voice.", "content": voice},
                "200": {"description": "The voice speaks like this recording from now on.", "content": voice},
                **refused,
            },
        },
        "delete": {
            "summary": "Forget a recording, and its voice.",
            "parameters": parameters,
            "responses": {"204": {"description": "It is gone."}, **refused},
        },
    }


def _parameter(name: str, place: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    schema = dict(schema)
    return {"name": name, "in": place, "required": required, "description": schema.pop("description"), "schema": schema}


def _json(model: str) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": {"$ref": REFERENCE.format(model=model)}}}}


def _audio(names: Iterable[str]) -> dict[str, Any]:
    return {FORMATS[name].content_type: {"schema": {"type": "string", "format": "binary"}} for name in names}


def _speaks(
    summary: str,
    body: dict[str, Any] | None,
    content: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A call for audio, in all formats if ``content`` does not say in which."""
    described = {
        name: {"description": help_, "schema": {"type": "string"}}
        for name, help_ in {**HEADERS, **(headers or {})}.items()
    }
    errors: dict[int, list[type[SpeechError]]] = {}
    for error in set(all_errors()) - OF_OTHER_CALLS:
        errors.setdefault(error.status, []).append(error)
    return {
        "summary": summary,
        **({"requestBody": body} if body is not None else {}),
        "responses": {
            "200": {"description": "Speech.", "headers": described, "content": content or _audio(FORMATS)},
            **{
                str(status): _error(", ".join(sorted(error_type(error) for error in found)))
                for status, found in sorted(errors.items())
            },
            "default": _error(WRONG),
        },
    }


def _error(help_: str) -> dict[str, Any]:
    return {"description": help_, "content": {JSON: {"schema": {"$ref": REFERENCE.format(model="Error")}}}}
