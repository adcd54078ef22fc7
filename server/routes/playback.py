"""POST /v1/telemetry/playback: a player reports what its listener heard of a request."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from otel.contract.playback_values import PlaybackEnd
from server.access.caller import Scope, caller_of
from server.errors import BodyTooLarge, InvalidRequest
from server.routes.operations import FAILURE, error, json_body
from server.routes.requests import parse, read_json
from server.routes.route import Route
from server.telemetry.playback_recorder import ClickTime, Playback, PlaybackRecorder, seconds_since_arrival
from server.telemetry.recent_requests import PlayableRequest, RecentRequests

PATH = "/v1/telemetry/playback"
MAX_BYTES = 4096
MAX_SECONDS = 7200.0
"""The longest time that a report can name."""
MAX_STALLS = 10_000
ROUNDING_SECONDS = 0.001
PADDING_SECONDS = 1.0
"""How much longer a player's audio may be than what was made: encoders pad it, and devices play whole buffers."""
CLOCK_SECONDS = 1.0
"""How far a report may be ahead of the server's clock, since a player's clock may run faster."""
UUID = r"^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"

_FROM_CLICK = "Seconds from the listener's click until"
_OPERATION = {
    "summary": "Report what a listener heard of a request: when the first sound came, where it stalled, how it ended. "
    "Once for each request, by the key that sent it, within an hour (docs/playback.md).",
    "requestBody": json_body("PlaybackReport"),
    "responses": {
        "204": {"description": "The report is recorded."},
        "default": error(FAILURE),
    },
}


class PlaybackReport(BaseModel):
    """The body of POST /v1/telemetry/playback."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, title="PlaybackReport")

    request_id: str = Field(pattern=UUID, description="The X-Request-ID of the answer that was played.")
    end: Literal["finished", "stopped", "failed"] = Field(
        description="finished: all was played. stopped: the listener stopped it. failed: the audio broke off."
    )
    request_seconds: float = Field(0.0, ge=0, le=MAX_SECONDS, description=f"{_FROM_CLICK} the request was sent.")
    first_byte_seconds: float | None = Field(
        None, ge=0, le=MAX_SECONDS, description=f"{_FROM_CLICK} the first audio arrived; null if none did."
    )
    first_sound_seconds: float | None = Field(
        None, ge=0, le=MAX_SECONDS, description=f"{_FROM_CLICK} the first sound was heard; null if none was."
    )
    end_seconds: float = Field(ge=0, le=MAX_SECONDS, description=f"{_FROM_CLICK} playback ended.")
    stalls: int = Field(0, ge=0, le=MAX_STALLS, description="How often the player ran out of audio.")
    stall_seconds: float = Field(
        0.0, ge=0, le=MAX_SECONDS, description="Seconds of silence that it inserted while it waited, all together."
    )
    position_seconds: float = Field(
        0.0, ge=0, le=MAX_SECONDS, description="The position in the audio where playback ended, in seconds."
    )
    click_span: bool = Field(
        False,
        description="true: the parent in the request's traceparent is the click. No other program exports its span, so "
        "the server does.",
    )

    @property
    def playback(self) -> Playback:
        """The playback, if the times are in order. Raises InvalidRequest that names the first field that is not."""
        steps = ("request_seconds", "first_byte_seconds", "first_sound_seconds", "end_seconds")
        times = [(name, value) for name in steps if (value := getattr(self, name)) is not None]
        for (earlier, before), (later, after) in pairwise(times):
            if after < before:
                raise InvalidRequest(f"{later}: must not be less than {earlier}", param=later)
        if self.first_sound_seconds is not None and self.first_byte_seconds is None:
            raise InvalidRequest(
                "first_byte_seconds: must be given where there was a sound", param="first_byte_seconds"
            )
        if self.end == "finished" and self.first_sound_seconds is None:
            raise InvalidRequest("end: must not be finished if there was no sound", param="end")
        sounded = 0.0 if self.first_sound_seconds is None else self.end_seconds - self.first_sound_seconds
        if self.stall_seconds > sounded + ROUNDING_SECONDS:
            raise InvalidRequest(
                "stall_seconds: must not be more than the time from the first sound to the end", param="stall_seconds"
            )
        if bool(self.stalls) != bool(self.stall_seconds):
            raise InvalidRequest("stalls: must be 0 if stall_seconds is 0, and only then", param="stalls")
        if self.position_seconds and self.first_sound_seconds is None:
            raise InvalidRequest("position_seconds: must be 0 if there was no sound", param="position_seconds")
        fields = self.model_dump(exclude={"request_id"})
        return Playback(**{**fields, "end": PlaybackEnd(self.end)})


class PlaybackRoute:
    """The route by which players report."""

    def __init__(self, recent: RecentRequests, recorder: PlaybackRecorder, receive_seconds: float) -> None:
        """``receive_seconds`` is the timeout for a body."""
        self._recent = recent
        self._recorder = recorder
        self._receive_seconds = receive_seconds

    def routes(self) -> tuple[Route, ...]:
        return (Route("POST", PATH, self.report, Scope.SPEAK, _OPERATION),)

    async def report(self, request: web.Request) -> web.Response:
        """Records a report. Raises BodyTooLarge, InvalidJson, InvalidRequest and UnknownRequest."""
        if (request.content_length or 0) > MAX_BYTES:
            raise BodyTooLarge(f"the body may have at most {MAX_BYTES} bytes")
        body = await read_json(request, self._receive_seconds)
        if len(body) > MAX_BYTES:
            raise BodyTooLarge(f"the body may have at most {MAX_BYTES} bytes")
        report = parse(PlaybackReport, body)
        playback = report.playback
        played = await self._recent.find(report.request_id, caller_of(request))
        _check(played, playback)
        self._recent.forget(played)
        self._recorder.record(played, playback)
        return web.Response(status=204)


def _check(request: PlayableRequest, playback: Playback) -> None:
    """Raises InvalidRequest if the request can't have been played so."""
    if playback.position_seconds > request.audio_seconds + PADDING_SECONDS:
        raise InvalidRequest("position_seconds: must lie within the request's audio", param="position_seconds")
    click = ClickTime.of(request, playback)
    since_click = seconds_since_arrival(request) + (request.began_unix - click.unix) / 1e9
    if playback.end_seconds > since_click + (click.error_seconds or 0.0) + CLOCK_SECONDS:
        raise InvalidRequest("end_seconds: must not lie in the future", param="end_seconds")
