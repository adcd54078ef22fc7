"""The one place where a finished request becomes metrics, spans and its event."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from otel.contract import metrics
from otel.contract.event_fields import (
    ATTEMPT_OUTCOME_ATTRIBUTE,
    BATCH_PADDING_ATTRIBUTE,
    BATCH_SIZE_ATTRIBUTE,
    PROVIDER_ATTRIBUTE,
    STAGE_ATTRIBUTE,
)
from otel.contract.labels import METHOD, OTHER
from otel.contract.values import AttemptOutcome, CacheResult, CacheState, Outcome
from otel.sdk.sampling import KeepPolicy
from otel.sdk.spans import KEEP, unsampled
from otel.sdk.telemetry import Telemetry
from server.errors import ServerCrashed
from server.lifecycle.journal import Journal, LostRequest
from server.record import Observation
from server.telemetry.slowness import Slowness
from server.telemetry.summary import Summary
from server.utterance import Interval

CLIENT = "anonymous"
ATTEMPT_SPAN = "attempt"
"""The name of the span of a provider's attempt to speak."""
FAILED = (AttemptOutcome.ERROR, AttemptOutcome.TIMEOUT, AttemptOutcome.FAULTY)


class Observer:
    """``open`` and ``close`` are called once for every call for audio."""

    def __init__(
        self, telemetry: Telemetry, summary: Summary, keep: KeepPolicy, build: str, journal: Journal | None = None
    ) -> None:
        self._telemetry = telemetry
        self._tracer: Tracer = telemetry.tracer
        self._metrics = telemetry.metrics
        self._summary = summary
        self._keep = keep
        self._slowness = Slowness()
        self._build = build
        self._journal = journal

    def open(self, observation: Observation, span: Span) -> None:
        """Counts a call as in flight; ``span`` is its SERVER span."""
        self._summary.open()
        if self._journal is not None:
            observation.journal_slot = self._journal.open(
                observation.request_id,
                span.get_span_context().trace_id,
                observation.endpoint,
                observation.method,
                observation.began_unix,
            )

    def close(self, observation: Observation, span: Span) -> None:
        """Reports a finished request; ``span`` is its SERVER span, still open."""
        try:
            self._report(observation, span)
        finally:
            if self._journal is not None:
                self._journal.clear(observation.journal_slot)

    def report_lost(self, request: LostRequest) -> None:
        """Reports a request that the last server had in flight when it ended, as one that failed by a crash."""
        observation = Observation(
            request.request_id, endpoint=request.endpoint, method=request.method, began_unix=request.began_unix
        )
        error = ServerCrashed("the server ended before the request did")
        observation.finish(Outcome.ERROR, error.status, error)
        span = self._tracer.start_span(
            request.endpoint, _trace(request.trace_id), SpanKind.SERVER, start_time=request.began_unix
        )
        self._summary.open()
        self._report(observation, span)
        span.end(request.began_unix)  # nobody knows when it ended

    def _report(self, observation: Observation, span: Span) -> None:
        self._summary.close(observation)
        hit = observation.cache is CacheResult.HIT
        decision = self._keep.decide(
            f"{observation.word_count_range} hit" if hit else observation.word_count_range,  # what is slow for its kind
            observation.duration,
            failed=_failed(observation),
        )
        context = set_span_in_context(span, Context()) if decision.kept else unsampled(span.get_span_context())
        attributes = self._attributes(observation)
        if decision.usual_seconds is not None:
            attributes["tts.usual_duration"] = decision.usual_seconds
        self._record(observation, context)
        reason = self._slowness.reason(observation, decision.slow)
        if reason is not None:
            attributes["tts.slow_reason"] = str(reason)
            self._metrics.add(metrics.SLOW_REQUESTS, 1, reason=reason)
        if observation.outcome is Outcome.OK and observation.made:
            self._slowness.learn(observation)
        self._telemetry.events.emit(attributes, context)
        if decision.kept:
            self._make_spans(observation, span, context, attributes)

    def _record(self, done: Observation, context: Context) -> None:
        add, record = self._metrics.add, self._metrics.record
        outcome = str(done.outcome)
        voice = done.utterance.voice.label if done.utterance else OTHER
        language = done.utterance.language if done.utterance else OTHER
        add(
            metrics.REQUESTS,
            1,
            endpoint=done.endpoint,
            method=done.method,
            status_code=str(done.status),
            voice_name=voice,
            language=language,
            outcome=outcome,
        )
        if done.cache is not None:
            add(metrics.CACHE_REQUESTS, 1, result=done.cache)
        if done.error is not None:
            error = done.error
            add(metrics.ERRORS, 1, error_type=error.error_type, endpoint=done.endpoint, side=error.side)
        if done.outcome is not Outcome.REJECTED:
            for stage, seconds in done.stage_seconds().items():
                record(metrics.STAGE_DURATION, seconds, context, stage=stage)
        duration = done.duration
        if duration is not None and done.outcome in (Outcome.OK, Outcome.ERROR):
            record(
                metrics.REQUEST_DURATION,
                duration,
                context,
                endpoint=done.endpoint,
                voice_name=voice,
                language=language,
            )
        if done.outcome is Outcome.OK:
            self._record_speech(done, context)

    def _record_speech(self, done: Observation, context: Context) -> None:
        utterance, duration, first_audio = done.utterance, done.duration, done.time_to_first_audio
        if utterance is None or duration is None or first_audio is None:
            raise ValueError("a request that ended ok has an utterance, audio and an end")
        add, record = self._metrics.add, self._metrics.record
        voice, words, characters = utterance.voice.label, done.word_count_range, done.char_count_range
        cache = CacheState.HIT if done.cache is CacheResult.HIT else CacheState.MISS
        record(metrics.WORD_COUNT_DURATION, duration, context, word_count_range=words, voice_name=voice, cache=cache)
        record(
            metrics.CHARACTER_COUNT_DURATION,
            duration,
            context,
            char_count_range=characters,
            voice_name=voice,
            cache=cache,
        )
        record(metrics.TIME_TO_FIRST_AUDIO, first_audio, context, word_count_range=words, voice_name=voice)
        record(metrics.AUDIO_DURATION, done.audio_seconds, context, voice_name=voice)
        if done.real_time_factor is not None:
            record(metrics.REAL_TIME_FACTOR, done.real_time_factor, context, word_count_range=words, voice_name=voice)
        if done.streamed:
            record(metrics.STREAM_UNDERRUN, done.underrun / 1e9, context, voice_name=voice)
        add(metrics.WORDS_TOTAL, utterance.words, voice_name=voice, client=CLIENT)
        add(metrics.CHARACTERS_TOTAL, utterance.characters, voice_name=voice, client=CLIENT)

    def _attributes(self, done: Observation) -> dict[str, AttributeValue]:
        """Features of the request, for its SERVER span and its event alike; nothing of what the client wrote."""
        features: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": "text_to_speech",
            "tts.request_id": done.request_id or None,
            "tts.endpoint": done.endpoint,
            "tts.method": _method(done),
            "tts.status_code": done.status,
            "tts.outcome": str(done.outcome),
            "tts.error_type": done.error.error_type if done.error else None,
            "tts.streamed": done.streamed,
            "tts.duration": done.duration,
            "tts.time_to_first_audio": done.time_to_first_audio,
            "tts.real_time_factor": done.real_time_factor,
            "tts.stream_underrun": done.underrun / 1e9 if done.streamed else None,
            "tts.audio_duration": done.audio_seconds,
            "tts.chunks": done.chunks,
            "tts.provider": done.provider or None,
            "tts.cache": done.cache and str(done.cache),
            "tts.client": CLIENT,
            "tts.build": self._build,
        }
        if done.utterance is not None:
            features |= {
                "tts.voice_name": done.utterance.voice.label,
                "tts.voice_checksum": None if done.utterance.voice.registered else done.utterance.voice.checksum,
                "tts.language": done.utterance.language,
                "tts.word_count": done.utterance.words,
                "tts.word_count_range": done.word_count_range,
                "tts.char_count": done.utterance.characters,
                "tts.char_count_range": done.char_count_range,
                "tts.speed": done.utterance.speed,
            }
        features |= _synthesis_features(done)
        features |= {f"tts.stage.{stage}": seconds for stage, seconds in done.stage_seconds().items()}
        return {name: value for name, value in features.items() if value is not None}

    def _make_spans(
        self, done: Observation, span: Span, context: Context, attributes: dict[str, AttributeValue]
    ) -> None:
        span.update_name(f"{_method(done)} {done.endpoint}")
        span.set_attributes({**attributes, KEEP: True})
        if done.cache is CacheResult.COALESCED and done.synthesis and isinstance(done.synthesis.origin, SpanContext):
            span.add_link(done.synthesis.origin)
        if done.outcome is Outcome.ERROR:
            span.set_status(Status(StatusCode.ERROR))
        for attempt in done.synthesis.attempts if done.synthesis is not None and done.made else ():
            child = self._tracer.start_span(
                ATTEMPT_SPAN,
                context,
                attributes={
                    KEEP: True,
                    PROVIDER_ATTRIBUTE: attempt.provider,
                    ATTEMPT_OUTCOME_ATTRIBUTE: attempt.outcome,
                },
                start_time=done.unix_nanos(attempt.start),
            )
            if attempt.outcome in FAILED:
                child.set_status(Status(StatusCode.ERROR))
            child.end(done.unix_nanos(attempt.end))
        for interval in done.intervals:
            child = self._tracer.start_span(
                interval.stage,
                context,
                attributes={KEEP: True, STAGE_ATTRIBUTE: interval.stage, **_batch_attributes(interval)},
                links=_links(interval),
                start_time=done.unix_nanos(interval.start),
            )
            child.end(done.unix_nanos(interval.end))


def _failed(done: Observation) -> bool:
    """Whether a provider failed, whoever answered then; not when the text was at fault."""
    fell_back = done.synthesis is not None and done.synthesis.fallback is not None
    return done.outcome is Outcome.ERROR or (fell_back and done.outcome is not Outcome.REJECTED)


def _trace(trace_id: int) -> Context:
    """A context in which a span belongs to a trace that began in another process; of no trace for 0."""
    if not trace_id:
        return Context()
    span_id = RandomIdGenerator().generate_span_id()
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True)), Context())


def _synthesis_features(done: Observation) -> dict[str, AttributeValue | None]:
    """What became of the synthesis, and what its audio is like; nothing of audio that was not made for this request."""
    if done.synthesis is None or not done.made:
        return {}
    features: dict[str, AttributeValue | None] = {}
    if done.synthesis.fallback is not None:
        failed, reason = done.synthesis.fallback
        features |= {"tts.fallback_from": failed, "tts.fallback_reason": str(reason)}
    quality = done.synthesis.quality
    if quality is not None:
        features |= {
            "tts.loudness": quality.loudness,
            "tts.silence_share": quality.silence_share,
            "tts.clipping_share": quality.clipping_share,
            "tts.seconds_per_character": quality.seconds_per_character,
            "tts.audio_faults": ",".join(quality.faults) or None,
        }
    return features


def _batch_attributes(interval: Interval) -> dict[str, AttributeValue]:
    if interval.mates is None:
        return {}
    return {BATCH_SIZE_ATTRIBUTE: interval.batch_size, BATCH_PADDING_ATTRIBUTE: interval.mates.padding}


def _links(interval: Interval) -> list[Link]:
    """To the requests that shared the step; whether their traces are kept is not known yet."""
    origins = interval.mates.origins if interval.mates else ()
    return [Link(origin) for origin in dict.fromkeys(origins) if isinstance(origin, SpanContext)]


def _method(done: Observation) -> str:
    return done.method if done.method in METHOD.values else OTHER
