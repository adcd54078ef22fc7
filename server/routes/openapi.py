"""GET /openapi.json: what can be called, described from the types that validate it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from server import VERSION
from server.errors import all_errors, error_type
from server.routes import catalogue, health, metrics, openai, speech, traces
from server.routes.openai import SpeechRequest
from server.routes.requests import JSON, TtsRequest

PATH = "/openapi.json"
ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string", "enum": sorted({cls.kind for cls in all_errors()})},
                "param": {"type": ["string", "null"], "description": "The field that is wrong."},
                "code": {"type": "string", "enum": [error_type(cls) for cls in all_errors()]},
            },
        }
    },
}
HEADERS = (
    "X-Request-ID",
    "X-Trace-ID",
    "Server-Timing",
    "X-TTS-Provider",
    "X-TTS-Cache",
    "X-TTS-Word-Count-Range",
    "X-TTS-Character-Count-Range",
)
"""Of every answer with speech."""
READS = {
    catalogue.VOICES_PATH: "The voices that can be asked for.",
    catalogue.AUDIO_MODELS_PATH: "The models that can be named, as Open WebUI reads them.",
    catalogue.MODELS_PATH: "The models that can be named, as OpenAI's clients read them.",
    catalogue.MODEL_PATH: "One of them.",
    health.HEALTH_PATH: "Whether the process is alive.",
    health.READY_PATH: "Whether it can speak: 503 until a voice has spoken, and once the server stops.",
    metrics.SUMMARY_PATH: "Totals, rates and durations by word and character range.",
    traces.LIST_PATH: "The last and the slowest kept traces.",
    traces.TRACE_PATH: "One kept trace with all its spans.",
    PATH: "This description.",
}


def describe() -> dict[str, Any]:
    """The whole description, OpenAPI 3.1."""
    paths: dict[str, Any] = {path: {"get": _read(path, summary)} for path, summary in READS.items()}
    paths[metrics.PROMETHEUS_PATH] = {
        "get": {
            "summary": "Every metric as Prometheus text; as OpenMetrics with exemplars when Accept asks for it.",
            "responses": {"200": {"description": "Metrics.", "content": {"text/plain": {}}}, **_errors()},
        }
    }
    paths[speech.PATH] = {"post": _speaks("Speak a text.", TtsRequest)}
    paths[openai.PATH] = {"post": _speaks("Speak a text, asked for as OpenAI's clients do.", SpeechRequest)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ttscope", "version": VERSION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {
                **{model.__name__: model.model_json_schema() for model in (TtsRequest, SpeechRequest)},
                "Error": ERROR_SCHEMA,
            }
        },
    }


async def openapi(request: web.Request) -> web.Response:
    """The handler of GET /openapi.json."""
    return web.json_response(describe())


def _read(path: str, summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {JSON: {}}}, **_errors()},
    }
    if path == traces.TRACE_PATH:
        operation["parameters"] = [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The X-Trace-ID or the X-Request-ID of an answer.",
                "schema": {"type": "string"},
            }
        ]
    return operation


def _speaks(summary: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
        },
        "responses": {
            "200": {
                "description": "Speech.",
                "headers": {name: {"schema": {"type": "string"}} for name in HEADERS},
                "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
            },
            **_errors(),
        },
    }


def _errors() -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"default": {"description": "What went wrong.", "content": content}}
