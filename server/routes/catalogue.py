"""GET /v1/audio/voices: who can be asked to speak."""

from __future__ import annotations

from aiohttp import web

from server.synthesizer import Synthesizer

PATH = "/v1/audio/voices"


class VoicesRoute:
    """The handler of GET /v1/audio/voices."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    async def __call__(self, request: web.Request) -> web.Response:
        voices = [
            {
                "id": voice.name,
                "name": voice.name,
                "languages": list(voice.languages),
                "sample_rate": voice.sample_rate,
            }
            for voice in self._synthesizer.voices().values()
        ]
        return web.json_response({"voices": voices})
