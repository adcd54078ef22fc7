"""The API of Piper's HTTP server, at the root and under /piper; its clients work unchanged.

Source: piper-tts 1.8.0, piper/http_server.py, and its docs/API_HTTP.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.access.caller import Scope, caller_of
from server.errors import InvalidRequest
from server.routes.dialect import SynthesisRequest
from server.routes.requests import SEED, TtsRequest, parse, read_json
from server.routes.route import Handler, Route
from server.synthesis.synthesizer import Synthesizer
from server.utterance import SPEED_RANGE, Voice

PATHS = ("/synthesize", "/piper/synthesize", "/piper", "/piper/")
"""The paths of speech requests. Clients of Piper before 1.5, and Pipecat's, post to the address itself."""
NOISE = ("noise_scale", "noise_w_scale")
"""The fields that change how much the voice varies, which is fixed here."""
LENGTH_SCALES = tuple(sorted(1 / speed for speed in SPEED_RANGE))


class PiperRequest(BaseModel):
    """The body of POST /synthesize."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="PiperRequest")

    text: str
    voice: str | None = None
    speaker: str | None = None
    speaker_id: int | None = None
    length_scale: float | None = Field(None, ge=LENGTH_SCALES[0], le=LENGTH_SCALES[1])
    noise_scale: float | None = None
    noise_w_scale: float | None = None
    seed: int | None = SEED


class PiperDialect:
    """Piper's dialect at one of its paths; see server.routes.dialect.Dialect."""

    names: Mapping[str, str] = {"voice_name": "voice", "speed": "length_scale"}

    def __init__(self, path: str) -> None:
        self.path = path

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        return (Route("POST", self.path, handler, Scope.SPEAK, None),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        """Returns the request. Raises InvalidRequest for a speaker: here each is a voice of its own."""
        asked = parse(PiperRequest, body)
        for name in ("speaker", "speaker_id"):
            if getattr(asked, name):  # a voice's only speaker is number 0
                raise InvalidRequest(f"{name}: each speaker is a voice of its own, which voice names", param=name)
        speech = TtsRequest(
            text=asked.text,
            voice_name=asked.voice or None,
            speed=1 / asked.length_scale if asked.length_scale else 1.0,
            seed=asked.seed,
        )
        return SynthesisRequest(speech, ignored=tuple(name for name in NOISE if getattr(asked, name) is not None))


class PiperRoutes:
    """The routes that describe the voices. At the root, /voices is that of MaryTTS."""

    def __init__(self, synthesizer: Synthesizer, default_voice: str) -> None:
        self._synthesizer = synthesizer
        self._default_voice = default_voice

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/info", self.info, Scope.SPEAK, None),
            Route("GET", "/piper/info", self.info, Scope.SPEAK, None),
            Route("GET", "/piper/voices", self.voices, Scope.SPEAK, None),
        )

    async def info(self, request: web.Request) -> web.Response:
        """Responds with the default voice. The last text, which Piper adds, is nobody else's business."""
        voices = self._synthesizer.voices(caller_of(request))
        voice = voices.get(self._default_voice) or next(iter(voices.values()), None)
        described = voice and {"name": voice.name, "language": voice.languages[0], "num_speakers": 1}
        return web.json_response({"voice": described, "last": None})

    async def voices(self, request: web.Request) -> web.Response:
        """Responds with each voice's name and those fields of Piper's configurations that are true of all voices."""
        voices = self._synthesizer.voices(caller_of(request))
        return web.json_response({name: _configuration(voice) for name, voice in voices.items()})


def _configuration(voice: Voice) -> dict[str, Any]:
    return {
        "audio": {"sample_rate": voice.sample_rate},
        "language": {"code": voice.languages[-1], "family": voice.languages[0]},
        "inference": {"length_scale": 1.0},
        "num_speakers": 1,
        "speaker_id_map": {},
    }
