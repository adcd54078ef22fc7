"""GET /v1/audio/voices, /v1/audio/models and /v1/models: the voices and models, as OpenAI's clients expect them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from server.access.caller import Scope, caller_of
from server.errors import UnknownModel
from server.routes.operations import identifier, reads
from server.routes.route import Route
from server.routes.schemas import TEXT, WHOLE, each, several
from server.seeds import Arithmetic
from server.synthesis.synthesizer import Synthesizer
from server.voices.aliases import VoiceAliases

MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's model names. A request's model is ignored: its voice decides which model speaks."""
OWNER = "ttscope"

_VOICES = each(
    voices=several(
        each(
            id=TEXT,
            name=TEXT,
            languages=several(TEXT),
            sample_rate=WHOLE,
            arithmetic={"oneOf": [each(processor=TEXT, number_format=TEXT, library=TEXT), {"type": "null"}]},
            aliases=several(TEXT),
        )
    )
)
_MODEL = each(id=TEXT, object={"const": "model"}, created=WHOLE, owned_by=TEXT)
_MODELS = each(object={"const": "list"}, data=several(_MODEL))
_AUDIO_MODELS = each(models=several(each(id=TEXT, name=TEXT)))


class VoiceListRoutes:
    """The routes that list voices and models."""

    def __init__(self, synthesizer: Synthesizer, aliases: VoiceAliases, started: int) -> None:
        """``started`` is the server's start in seconds since 1970, given as the models' unknown creation time."""
        self._synthesizer = synthesizer
        self._aliases = aliases
        self._started = started

    def routes(self) -> tuple[Route, ...]:
        by_name = identifier("The model's name.")
        return (
            Route(
                "GET", "/v1/audio/voices", self.voices, Scope.SPEAK, reads("The voices that can be asked for.", _VOICES)
            ),
            Route(
                "GET",
                "/v1/audio/models",
                self.audio_models,
                Scope.SPEAK,
                reads("The models that can be named, as Open WebUI reads them.", _AUDIO_MODELS),
            ),
            Route(
                "GET",
                "/v1/models",
                self.models,
                Scope.SPEAK,
                reads("The models that can be named, as OpenAI's clients read them.", _MODELS),
            ),
            Route("GET", "/v1/models/{id}", self.model, Scope.SPEAK, reads("One of them.", _MODEL, by_name)),
        )

    async def voices(self, request: web.Request) -> web.Response:
        """Responds in Open WebUI's format, with additional fields."""
        available = self._synthesizer.voices(caller_of(request))
        voices = [
            {
                "id": voice.name,
                "name": voice.name,
                "languages": list(voice.languages),
                "sample_rate": voice.sample_rate,
                "arithmetic": _described(self._synthesizer.arithmetic(voice)),
                "aliases": self._aliases.names(voice),
            }
            for voice in available.values()
        ]
        return web.json_response({"voices": voices})

    async def audio_models(self, request: web.Request) -> web.Response:
        """Responds in Open WebUI's format."""
        return web.json_response({"models": [{"id": name, "name": name} for name in MODELS]})

    async def models(self, request: web.Request) -> web.Response:
        """Responds in OpenAI's format."""
        return web.json_response({"object": "list", "data": [self._model(name) for name in MODELS]})

    async def model(self, request: web.Request) -> web.Response:
        """Responds in OpenAI's format. Raises UnknownModel."""
        name = request.match_info["id"]
        if name not in MODELS:
            raise UnknownModel(f"there is no such model; available: {', '.join(MODELS)}", param="model")
        return web.json_response(self._model(name))

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": OWNER}


def _described(arithmetic: Arithmetic | None) -> dict[str, str] | None:
    """Returns how a voice's numbers are computed, on which the bytes of a seed depend (docs/seeds.md)."""
    return None if arithmetic is None else asdict(arithmetic)
