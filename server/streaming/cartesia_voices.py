"""Cartesia's calls that list voices: ``GET /voices``, page by page, and ``GET /voices/{id}``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.access.caller import Scope, caller_of
from server.errors import InvalidRequest, UnknownVoice, VoiceNotAllowed
from server.routes.route import Route
from server.streaming.cartesia_events import refusal
from server.streaming.cartesia_fields import PREFIXES
from server.streaming.query import read_query
from server.synthesis.synthesizer import Synthesizer
from server.text.languages import primary
from server.utterance import Voice

IGNORED = frozenset({"cartesia_client", "cartesia_version", "expand[]"})
"""Fields of the query that change nothing: no voice has a file to preview."""
PAGE = 10
"""The voices of a page for which the client states no limit."""


class _PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(PAGE, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None
    q: str = Field("", max_length=256)
    is_owner: bool = False

    def page(self, voices: Sequence[Voice]) -> tuple[list[Voice], bool]:
        """Returns the page of voices, which are sorted by name, and whether more follow in its direction. Raises
        InvalidRequest."""
        after, before = self.starting_after, self.ending_before
        if after is not None and before is not None:
            raise InvalidRequest("ending_before: must not be given together with starting_after", param="ending_before")
        if before is not None:
            rest = [voice for voice in voices if voice.name < before]
            return rest[-self.limit :], len(rest) > self.limit
        rest = [voice for voice in voices if after is None or voice.name > after]
        return rest[: self.limit], len(rest) > self.limit


class CartesiaVoiceRoutes:
    """The routes that list voices."""

    def __init__(self, synthesizer: Synthesizer, started: int) -> None:
        """``started`` is the server's start in seconds since 1970, given as the voices' unknown creation time."""
        self._synthesizer = synthesizer
        self._created = datetime.fromtimestamp(started, UTC).isoformat()

    def routes(self) -> tuple[Route, ...]:
        """Returns the routes; GET /voices without a prefix is MaryTTS's."""
        pages = Route("GET", f"{PREFIXES[-1]}/voices", self.voices, Scope.SPEAK, None, error_format=refusal)
        voice = (
            Route("GET", f"{prefix}/voices/{{id}}", self.voice, Scope.SPEAK, None, error_format=refusal)
            for prefix in PREFIXES
        )
        return pages, *voice

    async def voices(self, request: web.Request) -> web.Response:
        """Responds with a page of the voices that the caller may use, sorted by name. Raises InvalidRequest."""
        query = read_query(request, _PageQuery, IGNORED)
        voices = sorted(self._synthesizer.voices(caller_of(request)).values(), key=lambda voice: voice.name)
        wanted = [
            voice for voice in voices if query.q.lower() in voice.name and (voice.registered or not query.is_owner)
        ]
        page, more = query.page(wanted)
        last = page[-1].name if page and more else None
        return web.json_response(
            {"data": [self._describe(voice) for voice in page], "has_more": more, "next_page": last}
        )

    async def voice(self, request: web.Request) -> web.Response:
        """Responds with one voice. Raises UnknownVoice and VoiceNotAllowed."""
        name, caller = request.match_info["id"], caller_of(request)
        voices = self._synthesizer.voices(caller)
        if name in voices:
            return web.json_response(self._describe(voices[name]))
        if self._synthesizer.has_voice(name, caller.tenant):
            raise VoiceNotAllowed("this API key may not use this voice")
        raise UnknownVoice("there is no such voice; GET /cartesia/voices lists all voices")

    def _describe(self, voice: Voice) -> dict[str, Any]:
        return {
            "id": voice.name,
            "name": voice.name,
            "tagline": "",
            "description": f"Speaks {', '.join(voice.languages)} at {voice.sample_rate} Hz.",
            "language": primary(voice.languages[0]),
            "locales": [
                {"locale": language, "is_native": number == 0} for number, language in enumerate(voice.languages)
            ],
            "access": "private" if voice.registered else "public",
            "visibility": "owner" if voice.registered else "all",
            "is_owner": voice.registered,
            "created_at": self._created,
        }
