"""Speaks one utterance of a session: admitted, limited and recorded as a request of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer, set_span_in_context

from otel.contract.streaming_metrics import UTTERANCE_FIRST_AUDIO, UTTERANCE_INTERRUPTION
from otel.contract.values import InterruptionPoint, Outcome, Stage
from otel.sdk.propagation import TRACEPARENT, CallerTrace, has_caller
from otel.sdk.recording import Metrics
from otel.sdk.spans import keep_parent
from server.access.caller import Caller
from server.access.limiter import Limiter
from server.errors import NothingToSpeak, SpeechError
from server.middleware.client_limits import permitted
from server.middleware.outcomes import finish_failed, mistake
from server.partial_speech import PartialSpeech
from server.record import RequestRecord, Synthesis
from server.routes.delivery import SendLimits, SendTimer
from server.routes.requests import TtsRequest
from server.routes.utterances import UtteranceParser
from server.streaming.audio_stream import AudioStream, EncodedAudio
from server.synthesis.admission import Admission
from server.synthesis.request_slot import RequestSlot
from server.synthesis.synthesizer import Synthesizer
from server.telemetry.recorder import Recorder
from server.utterance import Listener, Utterance

SAMPLE = "a"
"""Stands for a text that has not arrived."""
OK = 200
ROUTE = "http.route"
"""The attribute of a SERVER span that has the path of its route."""
METHOD = "GET"
"""The method of a WebSocket's handshake, which its utterances have in signals."""

Deliver = Callable[[EncodedAudio], Awaitable[None]]
"""Sends a piece; returns when the connection has taken it. Raises ConnectionError when the client has left."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """The message of a CancelledError when the client stops an utterance."""

    played: float | None = None
    """The seconds of the context's audio that the client says it has played; None if it does not say."""


@dataclass(frozen=True, slots=True)
class SocketClient:
    """The client of one socket."""

    caller: Caller
    key: str
    """The client for fair scheduling and limits, as ``Clients.key`` returns it. It appears in no signal."""
    endpoint: str
    """The path of the socket's route, a label."""
    span: Span
    """The span of the socket, the parent of its utterances' spans."""
    method: str = METHOD
    """The HTTP method that opened it, a label."""
    traceparent: str | None = None
    """The caller's span that the next utterance belongs to; None for that of the socket."""


class UtteranceSynthesizer:
    """Speaks the utterances of all sessions."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        utterances: UtteranceParser,
        admission: Admission,
        *,
        recorder: Recorder,
        tracer: Tracer,
        metrics: Metrics,
        limiter: Limiter,
        limits: SendLimits,
    ) -> None:
        """``limits`` are those for clients that read slowly."""
        self._synthesizer = synthesizer
        self._utterances = utterances
        self._recorder = recorder
        self._tracer = tracer
        self._limiter = limiter
        self._metrics = metrics
        self._admission = admission
        self._limits = limits
        self._callers = CallerTrace()

    async def check(self, speech: TtsRequest, caller: Caller) -> Utterance:
        """Returns the utterance of a request whose text has not arrived, which is not spoken. Raises NotReady, and the
        errors of ``UtteranceParser.parse``."""
        self._synthesizer.check_ready()
        sample = speech.model_copy(update={"text": SAMPLE, "input_type": "text"})
        utterance, _ = await self._utterances.parse(sample, caller)
        return utterance

    def refuse(self, client: SocketClient, error: SpeechError) -> None:
        """Records a request for speech that is refused before its utterance begins."""
        with suppress(SpeechError), self._recorded(client):
            raise error

    async def speak(
        self, client: SocketClient, speech: TtsRequest, audio: AudioStream, pause: float, deliver: Deliver
    ) -> None:
        """Speaks a text after ``pause`` seconds of silence, and returns when all of its audio is delivered.

        Raises a SpeechError, and what ``deliver`` raises. TimeoutError means that the client reads too slowly. A text
        that turns out to have nothing to speak raises NothingToSpeak, and is recorded as no request, since its client
        hears the silence that it asks for.
        """
        audio.begin()
        with self._recorded(client, audio) as (record, span):
            record.mark_received()
            with record.stage(Stage.NORMALIZE):
                utterance, _ = await self._utterances.parse(speech, client.caller)
            listener = Listener(audio.streamed, client.key, span.get_span_context(), client.caller.tenant)
            record.synthesis = Synthesis(utterance, listener, not speech.cache, speech.response_format)
            seconds = self._synthesizer.estimate(utterance)
            size = audio.most_unsent(seconds, utterance.voice.sample_rate)
            async with permitted(
                self._limiter, self._metrics, client.caller, client.key, lambda: bool(record.first_audio)
            ) as permit:
                if permit is not None:
                    await permit.enter()
                with self._synthesizer.admit(client.key, size) as slot:
                    if permit is not None:
                        permit.charge(utterance.characters, seconds)
                    async with aclosing(self._synthesizer.speak(record)) as chunks:
                        pieces = audio.pieces(permit.metered(chunks) if permit else chunks, pause, record)
                        await self._deliver(record, slot, pieces, audio, deliver)

    async def _deliver(
        self,
        record: RequestRecord,
        slot: RequestSlot,
        pieces: AsyncGenerator[EncodedAudio, None],
        audio: AudioStream,
        deliver: Deliver,
    ) -> None:
        timer = SendTimer(self._limits)
        async with aclosing(pieces):
            async for piece in pieces:
                record.mark_first_audio()
                slot.hold(len(piece.data))
                with record.stage(Stage.SEND), slot.sending():
                    async with timer.in_time(record):
                        await deliver(piece)
                slot.mark_sent(len(piece.data))
                audio.mark_sent(piece)
        slot.ready()
        record.mark_ready()

    @contextmanager
    def _recorded(self, client: SocketClient, audio: AudioStream | None = None) -> Iterator[tuple[RequestRecord, Span]]:
        """Counts an utterance exactly once, as the gate counts a request."""
        record = RequestRecord(str(uuid.uuid4()), endpoint=client.endpoint, method=client.method, caller=client.caller)
        span = self._start_span(client)
        self._recorder.open(record, span)
        try:
            yield record, span
            record.finish(Outcome.OK, OK)
            self._measure(record)
        except NothingToSpeak:
            record.silent = True
            record.finish(Outcome.OK, OK)
            raise
        except (SpeechError, ConnectionError, TimeoutError) as error:
            self._finish(record, error)
            raise
        except asyncio.CancelledError as error:
            interruption = next((each for each in error.args if isinstance(each, Interruption)), None)
            if interruption is not None and audio is not None:
                record.interrupted = self._measure_speech(client, audio, interruption)
            self._finish(record, error)
            raise
        except Exception as error:  # any exception is counted, and the client gets a message
            failure = mistake(error, record.request_id)
            self._finish(record, failure)
            raise failure from error
        finally:
            self._recorder.close(record, span)
            keep_parent(span, client.span)
            span.end()

    def _start_span(self, client: SocketClient) -> Span:
        """Returns the span of an utterance: a child of the caller's, with a link to the socket's, or else a child of
        the socket's."""
        named = {TRACEPARENT: client.traceparent} if client.traceparent else {}
        parent, links = self._callers.extract(named, Context()), [Link(client.span.get_span_context())]
        if not has_caller(parent):
            parent, links = set_span_in_context(client.span), []
        return self._tracer.start_span(
            client.endpoint, parent, SpanKind.SERVER, attributes={ROUTE: client.endpoint}, links=links
        )

    def _measure(self, record: RequestRecord) -> None:
        seconds = record.time_to_first_audio
        if seconds is not None:
            self._metrics.record(
                UTTERANCE_FIRST_AUDIO, seconds, endpoint=record.endpoint, word_count_range=record.word_count_range
            )

    def _finish(self, record: RequestRecord, error: BaseException) -> None:
        """Records an utterance that has failed, was interrupted, or was ended by the server after its drain timeout."""
        finish_failed(record, error, OK if record.first_audio else 0, stopping=self._admission.closed)

    def _measure_speech(self, client: SocketClient, audio: AudioStream, interruption: Interruption) -> PartialSpeech:
        """Returns how far the newest utterance of a context had come when its client stopped it."""
        played = None if interruption.played is None else audio.played_seconds(interruption.played)
        for point, seconds in ((InterruptionPoint.SENT, audio.sent_seconds), (InterruptionPoint.PLAYED, played)):
            if seconds is not None:
                self._metrics.record(UTTERANCE_INTERRUPTION, seconds, endpoint=client.endpoint, point=point)
        return PartialSpeech(audio.sent_seconds, played)
