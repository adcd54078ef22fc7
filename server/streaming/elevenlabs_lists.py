"""ElevenLabs' lists of voices and models."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.access.caller import Scope, caller_of
from server.errors import UnknownVoice
from server.routes.route import Handler, Route
from server.streaming.elevenlabs_errors import query_error_response
from server.streaming.elevenlabs_fields import PREFIXES
from server.streaming.query import read_query
from server.synthesis.synthesizer import Synthesizer
from server.utterance import Voice

MODEL = "ttscope"
"""The only model. A request's model is ignored: its voice decides which model speaks."""
IGNORED = frozenset({"show_legacy", "with_settings"})
"""The fields of the query that mean nothing here."""


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    page_size: int = Field(100, ge=1, le=100)
    next_page_token: str = ""
    search: str = ""
    include_total_count: bool = True


class ElevenLabsListRoutes:
    """The routes that list voices and models. OpenAI's list of models keeps its path, so theirs has a prefix."""

    def __init__(self, synthesizer: Synthesizer, most_characters: int) -> None:
        """``most_characters`` are those of a text."""
        self._synthesizer = synthesizer
        self._most_characters = most_characters

    def routes(self) -> tuple[Route, ...]:
        handlers: dict[str, Handler] = {
            "/v1/voices": self.voices,
            "/v1/voices/{voice_id}": self.voice,
            "/v2/voices": self.page,
        }
        paths = {prefix + path: handler for prefix in PREFIXES for path, handler in handlers.items()}
        paths["/elevenlabs/v1/models"] = self.models
        return tuple(
            Route("GET", path, handler, Scope.SPEAK, None, error_format=query_error_response)
            for path, handler in paths.items()
        )

    async def voices(self, request: web.Request) -> web.Response:
        """Responds with all voices."""
        read_query(request, _Nothing, IGNORED)
        return web.json_response({"voices": [_described(voice) for voice in self._voices(request)]})

    async def voice(self, request: web.Request) -> web.Response:
        """Responds with one voice. Raises UnknownVoice."""
        read_query(request, _Nothing, IGNORED)
        name, voices = request.match_info["voice_id"], self._voices(request)
        for voice in voices:
            if voice.name == name:
                return web.json_response(_described(voice))
        usable = ", ".join(voice.name for voice in voices) or "none"
        raise UnknownVoice(f"there is no such voice; available: {usable}", param="voice_id")

    async def page(self, request: web.Request) -> web.Response:
        """Responds with a page of the voices whose names contain what is searched for."""
        query = read_query(request, _Page, IGNORED)
        matches = [voice for voice in self._voices(request) if query.search.lower() in voice.name]
        rest = [voice for voice in matches if voice.name > query.next_page_token]
        page, has_more = rest[: query.page_size], len(rest) > query.page_size
        body = {
            "voices": [_described(voice) for voice in page],
            "has_more": has_more,
            "total_count": len(matches),
            "next_page_token": page[-1].name if has_more else None,
        }
        return web.json_response(body)

    async def models(self, request: web.Request) -> web.Response:
        """Responds with the model, which speaks the languages of all voices."""
        read_query(request, _Nothing, IGNORED)
        languages = sorted({language for voice in self._voices(request) for language in voice.languages})
        model = {
            "model_id": MODEL,
            "name": MODEL,
            "description": "The voice decides which model speaks; any name is accepted.",
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "can_be_finetuned": False,
            "can_use_style": False,
            "can_use_speaker_boost": False,
            "serves_pro_voices": False,
            "requires_alpha_access": False,
            "token_cost_factor": 1.0,
            "maximum_text_length_per_request": self._most_characters,
            "languages": [{"language_id": language, "name": language} for language in languages],
        }
        return web.json_response([model])

    def _voices(self, request: web.Request) -> list[Voice]:
        """Returns the voices that the caller may use, by name."""
        return sorted(self._synthesizer.voices(caller_of(request)).values(), key=lambda voice: voice.name)


def _described(voice: Voice) -> dict[str, Any]:
    return {
        "voice_id": voice.name,
        "name": voice.name,
        "category": "cloned" if voice.registered else "premade",
        "description": None,
        "preview_url": None,
        "labels": {"language": voice.languages[0]},
        "settings": None,
        "samples": None,
        "available_for_tiers": [],
        "high_quality_base_model_ids": [MODEL],
        "verified_languages": [
            {"language": language, "model_id": MODEL, "accent": None, "locale": None, "preview_url": None}
            for language in voice.languages
        ],
    }
