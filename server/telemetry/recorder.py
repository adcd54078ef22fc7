"""The only place where a finished request becomes metrics, spans and its event."""

from __future__ import annotations

import asyncio
import time
from functools import partial

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

from otel.contract import conventions, metrics
from otel.contract.event_fields import RequestField, SpanField
from otel.contract.labels import OTHER
from otel.contract.prediction_metrics import DRY_RUNS
from otel.contract.values import CacheResult, CacheState, Outcome
from otel.contract.verification_metrics import VERIFICATION_DURATION, VERIFICATIONS, WORD_ERROR_RATE
from otel.sdk.sampling import TailSampler
from otel.sdk.spans import KEEP, unsampled
from otel.sdk.telemetry import Telemetry
from server.errors import ServerCrashed
from server.lifecycle.journal import Journal, LostRequest
from server.prediction.request_predictor import RequestPredictor
from server.record import RequestRecord
from server.telemetry.costs import Costs
from server.telemetry.prediction_recorder import PredictionRecorder
from server.telemetry.recent_requests import RecentRequests
from server.telemetry.request_fields import FAILED, attempt_fields, method, request_fields
from server.telemetry.slowness import Slowness
from server.telemetry.summary import Summary
from server.utterance import Interval

ATTEMPT_SPAN = "attempt"
"""The span name of a provider's attempt."""


class Recorder:
    """Records requests: call ``open`` and ``close`` exactly once for each speech request, or ``report_unseen`` once for
    one that the application does not see."""

    def __init__(
        self,
        telemetry: Telemetry,
        summary: Summary,
        sampler: TailSampler,
        build: str,
        journal: Journal | None = None,
        *,
        predictor: RequestPredictor | None = None,
        costs: Costs | None = None,
        recent: RecentRequests | None = None,
    ) -> None:
        """``build`` names this build of the server; ``predictor`` learns from each request, ``costs``
        prices it, ``recent`` remembers it."""
        self._telemetry = telemetry
        self._tracer: Tracer = telemetry.tracer
        self._metrics = telemetry.metrics
        self._summary = summary
        self._sampler = sampler
        self._slowness = Slowness()
        self._build = build
        self._journal = journal
        self._predictions = None if predictor is None else PredictionRecorder(telemetry.metrics, predictor)
        self._costs = costs
        self._recent = recent

    def open(self, record: RequestRecord, span: Span) -> None:
        """Counts a request as in flight; ``span`` is its SERVER span."""
        self._summary.open()
        if self._recent is not None:
            self._recent.open(record)
        if self._costs is not None:
            self._costs.open(record)
        if self._journal is not None:
            record.journal_slot = self._journal.open(
                record.request_id,
                span.get_span_context().trace_id,
                record.endpoint,
                record.method,
                record.began_unix,
            )

    def close(self, record: RequestRecord, span: Span) -> None:
        """Reports a finished request; ``span`` is its SERVER span, still open."""
        try:
            if record.without_audio and record.outcome is Outcome.OK:
                self._summary.discard()
                if self._costs is not None:
                    self._costs.account.discard(record)
                if record.dry_run:
                    self._metrics.add(DRY_RUNS, 1, admitted=record.dry_run)
            else:
                self._report(record, span)
        finally:
            if self._recent is not None:
                self._recent.close(record, span)
            if self._journal is not None:
                self._journal.clear(record.journal_slot)

    def report_lost(self, request: LostRequest) -> None:
        """Reports a request that was in flight when the previous server process ended, as failed by a crash."""
        record = RequestRecord(
            request.request_id, endpoint=request.endpoint, method=request.method, began_unix=request.began_unix
        )
        error = ServerCrashed("the server ended before the request did")
        record.finish(Outcome.ERROR, error.status, error)
        span = self._tracer.start_span(
            request.endpoint, _trace(request.trace_id), SpanKind.SERVER, start_time=request.began_unix
        )
        self._summary.open()
        self._report(record, span)
        span.end(request.began_unix)  # its end is unknown

    def report_unseen(self, record: RequestRecord) -> None:
        """Reports a request that ended before the application saw it; ``record`` is finished."""
        name = f"{method(record)} {record.endpoint}"
        span = self._tracer.start_span(name, Context(), SpanKind.SERVER, start_time=record.began_unix)
        self._summary.open()
        self._report(record, span)
        span.end()

    def _report(self, record: RequestRecord, span: Span) -> None:
        self._summary.close(record)
        hit = record.cache is CacheResult.HIT
        decision = self._sampler.decide(
            f"{record.word_count_range} hit" if hit else record.word_count_range,  # slowness is judged per group
            record.duration,
            failed=_failed(record),
        )
        record.sampled = decision.sampled
        context = set_span_in_context(span, Context()) if decision.sampled else unsampled(span.get_span_context())
        attributes = request_fields(record, self._build)
        if self._costs is not None:
            attributes |= self._costs.close(record)
        if decision.usual_seconds is not None:
            attributes[RequestField.USUAL_DURATION] = decision.usual_seconds
        self._record(record, context)
        if self._predictions is not None:
            self._predictions.report(record, context)
        reason = self._slowness.reason(record, decision.slow)
        if reason is not None:
            attributes[RequestField.SLOW_REASON] = str(reason)
            self._metrics.add(metrics.SLOW_REQUESTS, 1, reason=reason)
        if record.outcome is Outcome.OK and record.synthesized:
            self._slowness.learn(record)
        if record.recognition is None:
            self._telemetry.events.emit(attributes, context)
        else:
            record.recognition.add_done_callback(partial(self._complete, attributes, context, time.time_ns()))
        if decision.sampled:
            self._make_spans(record, span, context, attributes)

    def _complete(
        self,
        attributes: dict[str, AttributeValue],
        context: Context,
        timestamp: int,
        recognition: asyncio.Future[float | None],
    ) -> None:
        """Emits the event of a request that has ended at ``timestamp``, once its clip is recognised or given up."""
        rate = recognition.result()
        if rate is not None:
            attributes[RequestField.WORD_ERROR_RATE] = rate
            self._metrics.record(
                WORD_ERROR_RATE,
                rate,
                context,
                voice_name=str(attributes[RequestField.VOICE_NAME]),
                word_count_range=str(attributes[RequestField.WORD_COUNT_RANGE]),
            )
        self._telemetry.events.emit(attributes, context, timestamp=timestamp)

    def _record(self, record: RequestRecord, context: Context) -> None:
        add, measure = self._metrics.add, self._metrics.record
        outcome = str(record.outcome)
        voice = record.utterance.voice.label if record.utterance else OTHER
        language = record.utterance.main_language if record.utterance else OTHER
        add(
            metrics.REQUESTS,
            1,
            endpoint=record.endpoint,
            method=record.method,
            status_code=str(record.status),
            voice_name=voice,
            language=language,
            outcome=outcome,
        )
        if record.cache is not None:
            add(metrics.CACHE_REQUESTS, 1, result=record.cache)
        if record.error is not None:
            error = record.error
            add(metrics.ERRORS, 1, error_type=error.error_type, endpoint=record.endpoint, side=error.side)
        if record.cancellation is not None:
            add(metrics.CANCELLATIONS, 1, reason=record.cancellation)
        if record.outcome is not Outcome.REJECTED:
            for stage, seconds in record.stage_seconds().items():
                measure(metrics.STAGE_DURATION, seconds, context, stage=stage)
        duration = record.duration
        if duration is not None and record.outcome in (Outcome.OK, Outcome.ERROR):
            measure(
                metrics.REQUEST_DURATION,
                duration,
                context,
                endpoint=record.endpoint,
                voice_name=voice,
                language=language,
            )
        if record.outcome is Outcome.OK:
            self._record_speech(record, context)

    def _record_speech(self, record: RequestRecord, context: Context) -> None:
        utterance, duration, first_audio = record.utterance, record.duration, record.time_to_first_audio
        if utterance is None or duration is None or first_audio is None:
            raise ValueError("a request that ended ok has an utterance, audio and an end")
        add, measure = self._metrics.add, self._metrics.record
        voice, words, characters = utterance.voice.label, record.word_count_range, record.char_count_range
        cache = CacheState.HIT if record.cache is CacheResult.HIT else CacheState.MISS
        measure(
            metrics.GEN_AI_DURATION,
            duration,
            context,
            **{
                conventions.OPERATION_NAME: conventions.TEXT_TO_SPEECH,
                conventions.PROVIDER_NAME: record.provider,
                conventions.REQUEST_MODEL: voice,
            },
        )
        measure(metrics.WORD_COUNT_DURATION, duration, context, word_count_range=words, voice_name=voice, cache=cache)
        measure(
            metrics.CHARACTER_COUNT_DURATION,
            duration,
            context,
            char_count_range=characters,
            voice_name=voice,
            cache=cache,
        )
        measure(metrics.TIME_TO_FIRST_AUDIO, first_audio, context, word_count_range=words, voice_name=voice)
        measure(metrics.AUDIO_DURATION, record.audio_seconds, context, voice_name=voice)
        if record.real_time_factor is not None:
            measure(
                metrics.REAL_TIME_FACTOR, record.real_time_factor, context, word_count_range=words, voice_name=voice
            )
        if record.streamed:
            measure(metrics.STREAM_UNDERRUN, record.underrun / 1e9, context, voice_name=voice)
        synthesis = record.synthesis
        if synthesis is not None and synthesis.verification is not None:
            add(VERIFICATIONS, 1, result=synthesis.verification, voice_name=voice)
            measure(VERIFICATION_DURATION, synthesis.verification_seconds, context, voice_name=voice)
            if synthesis.word_error_rate is not None:
                measure(WORD_ERROR_RATE, synthesis.word_error_rate, context, voice_name=voice, word_count_range=words)
        add(metrics.WORDS_TOTAL, utterance.words, voice_name=voice, client=record.caller.name)
        add(metrics.CHARACTERS_TOTAL, utterance.characters, voice_name=voice, client=record.caller.name)

    def _make_spans(
        self, record: RequestRecord, span: Span, context: Context, attributes: dict[str, AttributeValue]
    ) -> None:
        span.update_name(f"{method(record)} {record.endpoint}")
        span.set_attributes({**attributes, KEEP: True})
        source = record.source
        if record.cache is CacheResult.COALESCED and source and isinstance(source.listener.origin, SpanContext):
            span.add_link(source.listener.origin)
        if record.outcome is Outcome.ERROR:
            span.set_status(Status(StatusCode.ERROR))
        for attempt in source.attempts if source is not None and record.synthesized else ():
            child = self._tracer.start_span(
                ATTEMPT_SPAN,
                context,
                attributes={KEEP: True, **attempt_fields(record, attempt)},
                start_time=record.unix_nanos(attempt.start),
            )
            if attempt.outcome in FAILED:
                child.set_status(Status(StatusCode.ERROR))
            child.end(record.unix_nanos(attempt.end))
        for interval in record.intervals:
            child = self._tracer.start_span(
                interval.stage,
                context,
                attributes={KEEP: True, SpanField.STAGE: interval.stage, **_step_attributes(interval)},
                links=_links(interval),
                start_time=record.unix_nanos(interval.start),
            )
            child.end(record.unix_nanos(interval.end))


def _failed(record: RequestRecord) -> bool:
    """Whether a provider failed, even if another one then answered; False when the text was at fault."""
    fell_back = record.source is not None and record.source.fallback is not None
    return record.outcome is Outcome.ERROR or (fell_back and record.outcome is not Outcome.REJECTED)


def _trace(trace_id: int) -> Context:
    """Returns a context that continues a trace of another process; an empty one if ``trace_id`` is 0."""
    if not trace_id:
        return Context()
    span_id = RandomIdGenerator().generate_span_id()
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True)), Context())


def _step_attributes(interval: Interval) -> dict[str, AttributeValue]:
    """Returns where an interval was spent, and with whom."""
    attributes: dict[str, AttributeValue] = {SpanField.REPLICA: interval.replica} if interval.replica else {}
    if interval.peers is not None:
        attributes |= {SpanField.BATCH_SIZE: interval.batch_size, SpanField.BATCH_PADDING: interval.peers.padding}
    return attributes


def _links(interval: Interval) -> list[Link]:
    """Returns links to the requests of the same batch; whether their traces are kept is not known yet."""
    origins = interval.peers.origins if interval.peers else ()
    return [Link(origin) for origin in dict.fromkeys(origins) if isinstance(origin, SpanContext)]
