"""GET /openapi.json and GET /docs: the API's description, from its routes and the types that validate requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic.json_schema import models_json_schema

from server import VERSION
from server.middleware.authentication import KEY_HEADERS
from server.routes import docs, schemas
from server.routes.openai_api import SpeechRequest
from server.routes.operations import REFERENCE, reads, reads_text, string_headers
from server.routes.pages import Page
from server.routes.playback import PlaybackReport
from server.routes.requests import TtsRequest
from server.routes.route import Operation, RequestLimits, Route, limited
from server.synthesis.synthesizer import Synthesizer
from server.utterance import Voice
from server.voices.aliases import VoiceAliases

SECURITY_SCHEMES: dict[str, Any] = {
    "Authorization": {"type": "http", "scheme": "bearer", "description": "The API key."},
    **{name: {"type": "apiKey", "in": "header", "name": name} for name in KEY_HEADERS},
}
"""The ways to send a key. What a server with keys allows each scope is in docs/security.md."""

LIMIT_HEADERS = {
    "RateLimit-Policy": "The client's limits; absent if it has none, or if the request was refused before it counted.",
    "RateLimit": "What is left of each limit; absent as RateLimit-Policy is.",
}
"""The headers of every response to a request that counts for limits (docs/limits.md)."""


class DescriptionRoutes:
    """The routes that describe all routes, including themselves."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        aliases: VoiceAliases,
        max_characters: int,
        other_routes: Sequence[Route],
        *,
        registration: bool,
    ) -> None:
        """``registration`` is whether clients can register voices."""
        self._aliases = aliases
        self._max_characters = max_characters
        self._registration = registration
        self._described = (*other_routes, *self.routes())
        self._openapi = Page(synthesizer, self._as_json, "application/json")
        self._docs = Page(synthesizer, self._as_html, "text/html", docs.POLICY)

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/openapi.json", self.openapi, None, reads("This description.", {"type": "object"})),
            Route("GET", "/docs", self.docs, None, reads_text("This description as a page.", "text/html")),
        )

    async def openapi(self, request: web.Request) -> web.Response:
        """Responds with the description as JSON."""
        return await self._openapi.answer()

    async def docs(self, request: web.Request) -> web.Response:
        """Responds with the description as an HTML page."""
        return await self._docs.answer()

    def _as_json(self, voices: Mapping[str, Voice]) -> str:
        return json.dumps(self._describe(voices))

    def _as_html(self, voices: Mapping[str, Voice]) -> str:
        return docs.render(self._describe(voices))

    def _describe(self, voices: Mapping[str, Voice]) -> dict[str, Any]:
        names = [*sorted(voices), *self._aliases.usable()]
        return describe(self._described, RequestLimits(names, self._max_characters, self._registration))


def describe(routes: Sequence[Route], limits: RequestLimits) -> dict[str, Any]:
    """Returns the OpenAPI 3.1 description of ``routes``."""
    paths: dict[str, Any] = {}
    with_limits = limited(routes)
    for route in routes:
        operation = route.describe(limits)
        if operation is not None:
            if route.path in with_limits:
                operation = _with_limit_headers(operation)
            paths.setdefault(route.path, {})[route.method.lower()] = {**operation, **_security(route)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ttscope", "version": VERSION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": {**_models(limits), "Error": schemas.ERROR}, "securitySchemes": SECURITY_SCHEMES},
    }


def _with_limit_headers(operation: Operation) -> Operation:
    """Returns the operation with the headers of limits in each response: errors have them too."""
    responses = {
        status: {**response, "headers": {**response.get("headers", {}), **string_headers(LIMIT_HEADERS)}}
        for status, response in operation["responses"].items()
    }
    return {**operation, "responses": responses}


def _security(route: Route) -> dict[str, Any]:
    """Returns the scope that a key needs for the route. A server without keys needs none, hence the empty choice."""
    return {} if route.scope is None else {"security": [*({name: [route.scope]} for name in SECURITY_SCHEMES), {}]}


def _models(limits: RequestLimits) -> dict[str, Any]:
    """Returns the schemas of JSON bodies, with this server's voices and maximum text length."""
    _, definitions = models_json_schema(
        [(TtsRequest, "validation"), (SpeechRequest, "validation"), (PlaybackReport, "validation")],
        ref_template=REFERENCE,
    )
    models: dict[str, Any] = definitions["$defs"]
    models["TtsRequest"]["properties"]["text"] |= limits.text
    models["SpeechRequest"]["properties"]["input"] |= limits.text
    for described in (
        models["TtsRequest"]["properties"]["voice_name"]["anyOf"][0],
        models["SpeechRequest"]["properties"]["voice"]["anyOf"][0],
        models["VoiceId"]["properties"]["id"],
    ):
        described.update(limits.voice())
    return models
