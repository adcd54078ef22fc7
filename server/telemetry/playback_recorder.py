"""Records what players report of their listeners: metrics, the spans of the playback, and its event."""

from __future__ import annotations

import time
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from opentelemetry.util.types import AttributeValue

from otel.contract.playback_fields import LISTEN_SPAN, PLAYBACK_EVENT, PLAYBACK_SPAN, PlaybackField
from otel.contract.playback_metrics import (
    PLAYBACK_FIRST_SOUND,
    PLAYBACK_SHARE,
    PLAYBACK_STALL,
    PLAYBACK_STALLS,
    PLAYBACKS,
)
from otel.contract.playback_values import IN_TIME_SECONDS, PlaybackEnd, PlaybackRating
from otel.sdk.spans import report_span, unsampled
from otel.sdk.telemetry import Telemetry
from server.telemetry.recent_requests import PlayableRequest


@dataclass(frozen=True, slots=True)
class Playback:
    """What a player reports; times are seconds from the listener's click by the player's own clock."""

    end: PlaybackEnd
    request_seconds: float
    """When it sent the request."""
    first_byte_seconds: float | None
    """When it had the first audio; None if it had none."""
    first_sound_seconds: float | None
    """When the first sound was heard; None if there was none."""
    end_seconds: float
    """When playback ended."""
    stalls: int
    stall_seconds: float
    """The silence that it inserted, all stalls together."""
    position_seconds: float
    """The position in the audio at the end."""
    click_span: bool
    """Whether the caller's span, to which the request's traceparent belongs, is the click."""

    @property
    def rating(self) -> PlaybackRating:
        """What the listener had of it."""
        first = self.first_sound_seconds
        if first is None and self.end_seconds <= IN_TIME_SECONDS:
            return PlaybackRating.NONE
        late = first is None or first > IN_TIME_SECONDS
        if self.stalls or self.end is PlaybackEnd.FAILED:
            return PlaybackRating.LATE_GAPS if late else PlaybackRating.GAPS
        return PlaybackRating.LATE if late else PlaybackRating.GOOD


@dataclass(frozen=True, slots=True)
class ClickTime:
    """When the listener clicked, by the server's clock."""

    unix: int
    """Unix nanoseconds."""
    error_seconds: float | None
    """By how much it may be off; None if that is unknown, because no audio arrived."""

    @classmethod
    def of(cls, request: PlayableRequest, playback: Playback) -> ClickTime:
        """Returns the time of the click.

        No clock is compared with another. Between the request and the first byte the player waited for the network
        and for the server, whose part the server knows. The rest is the network's, both ways together, so the request
        arrived at most so long after it was sent: the middle is off by half of it at most (as in NTP, RFC 5905).
        """
        network = 0.0
        if playback.first_byte_seconds is not None:
            waited = playback.first_byte_seconds - playback.request_seconds
            network = max(0.0, waited - request.first_audio_seconds)
        unix = request.began_unix - round((playback.request_seconds + network / 2) * 1e9)
        return cls(unix, None if playback.first_byte_seconds is None else network / 2)

    def after(self, seconds: float) -> int:
        """Returns the time that is ``seconds`` after the click, in Unix nanoseconds."""
        return self.unix + round(seconds * 1e9)


def seconds_since_arrival(request: PlayableRequest) -> float:
    """Returns the seconds since a request arrived."""
    return (time.perf_counter_ns() - request.began) / 1e9


class PlaybackRecorder:
    """Records playbacks, each once."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._metrics = telemetry.metrics

    def record(self, request: PlayableRequest, playback: Playback) -> None:
        """Records a valid report. Labels come from the server's record of the request alone."""
        click = ClickTime.of(request, playback)
        fields = _fields(request, playback, click)
        context = self._make_spans(request, playback, click, fields)
        self._record(request, playback, context)
        self._telemetry.events.emit(fields, context, PLAYBACK_EVENT, click.after(playback.end_seconds))

    def _record(self, request: PlayableRequest, playback: Playback, context: Context) -> None:
        add, measure, voice = self._metrics.add, self._metrics.record, request.voice_name
        text_and_voice = {
            "word_count_range": request.word_count_range,
            "char_count_range": request.char_count_range,
            "voice_name": voice,
        }
        add(PLAYBACKS, 1, rating=playback.rating, voice_name=voice)
        if playback.first_sound_seconds is not None:
            measure(PLAYBACK_FIRST_SOUND, playback.first_sound_seconds, context, **text_and_voice)
            measure(PLAYBACK_STALL, playback.stall_seconds, context, **text_and_voice)
        add(PLAYBACK_STALLS, playback.stalls, **text_and_voice)
        measure(PLAYBACK_SHARE, _share(request, playback), context, end=playback.end, voice_name=voice)

    def _make_spans(
        self, request: PlayableRequest, playback: Playback, click: ClickTime, fields: dict[str, AttributeValue]
    ) -> Context:
        """Exports the spans of a playback whose request's trace is sampled; returns the context of its readings.

        The click's span has the identity that the player has given it, and is the request's parent, too.
        """
        if not request.sampled:
            return unsampled(request.span)
        tracer, end, parent = self._telemetry.tracer, click.after(playback.end_seconds), request.span
        if playback.click_span and request.parent is not None:
            report_span(tracer, LISTEN_SPAN, (click.unix, end), fields, identity=request.parent)
            parent = request.parent
        begin = playback.first_sound_seconds
        times = (end if begin is None else click.after(begin), end)
        span = report_span(tracer, PLAYBACK_SPAN, times, fields, parent=parent)
        return _sampled(span or request.span)


def _fields(request: PlayableRequest, playback: Playback, click: ClickTime) -> dict[str, AttributeValue]:
    """Returns the fields of the event, which are the spans' attributes too."""
    fields: dict[str, AttributeValue | None] = {
        PlaybackField.REQUEST_ID: request.request_id,
        PlaybackField.VOICE_NAME: request.voice_name,
        PlaybackField.WORD_COUNT_RANGE: request.word_count_range,
        PlaybackField.CHAR_COUNT_RANGE: request.char_count_range,
        PlaybackField.STREAMED: request.streamed,
        PlaybackField.CLIENT: request.caller.name,
        PlaybackField.TENANT: request.caller.tenant,
        PlaybackField.RATING: str(playback.rating),
        PlaybackField.END: str(playback.end),
        PlaybackField.FIRST_BYTE: playback.first_byte_seconds,
        PlaybackField.FIRST_SOUND: playback.first_sound_seconds,
        PlaybackField.END_TIME: playback.end_seconds,
        PlaybackField.STALLS: playback.stalls,
        PlaybackField.STALL: playback.stall_seconds,
        PlaybackField.POSITION: playback.position_seconds,
        PlaybackField.SHARE: _share(request, playback),
        PlaybackField.CLOCK_ERROR: click.error_seconds,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _share(request: PlayableRequest, playback: Playback) -> float:
    return min(1.0, playback.position_seconds / request.audio_seconds) if request.audio_seconds else 0.0


def _sampled(span: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(span), Context())
