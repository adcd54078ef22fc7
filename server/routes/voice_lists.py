"""GET /v1/audio/voices, /v1/audio/models and /v1/models: who can be asked to speak, as OpenAI's clients look for it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.errors import UnknownModel
from server.synthesis.synthesizer import Synthesizer
from server.voices.aliases import ALIASES

VOICES_PATH = "/v1/audio/voices"
AUDIO_MODELS_PATH = "/v1/audio/models"
MODELS_PATH = "/v1/models"
MODEL_PATH = "/v1/models/{id}"

MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's names. A request's model is not looked at: its voice decides which one speaks."""
OWNER = "ttscope"


class CatalogueRoutes:
    """The handlers of these calls."""

    def __init__(self, synthesizer: Synthesizer, default_voice: str, started: int) -> None:
        """``started`` is when the server did, in seconds since 1970: how old its models are is not known."""
        self._synthesizer = synthesizer
        self._default_voice = default_voice
        self._started = started

    async def voices(self, request: web.Request) -> web.Response:
        """Of Open WebUI's shape, and more."""
        known = self._synthesizer.voices()
        aliases = [alias for alias in ALIASES if alias not in known]
        voices = [
            {
                "id": voice.name,
                "name": voice.name,
                "languages": list(voice.languages),
                "sample_rate": voice.sample_rate,
                "aliases": aliases if voice.name == self._default_voice else [],
            }
            for voice in known.values()
        ]
        return web.json_response({"voices": voices})

    async def audio_models(self, request: web.Request) -> web.Response:
        """Of Open WebUI's shape."""
        return web.json_response({"models": [{"id": name, "name": name} for name in MODELS]})

    async def models(self, request: web.Request) -> web.Response:
        """Of OpenAI's shape."""
        return web.json_response({"object": "list", "data": [self._model(name) for name in MODELS]})

    async def model(self, request: web.Request) -> web.Response:
        """Of OpenAI's shape."""
        name = request.match_info["id"]
        if name not in MODELS:
            raise UnknownModel(f"there is no such model; there are {', '.join(MODELS)}", param="model")
        return web.json_response(self._model(name))

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": OWNER}
