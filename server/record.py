"""The record of one speech request: what it requests, and the results that each stage records in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from otel.contract.ranges import CHARACTERS, WORDS
from otel.contract.recognition_values import VerificationResult
from otel.contract.values import (
    ENGINE,
    WORK,
    AttemptOutcome,
    CacheResult,
    Cancellation,
    Device,
    FallbackReason,
    Outcome,
    Stage,
)
from otel.prediction.features import Prediction
from server.access.caller import ANONYMOUS, Caller
from server.audio.quality import Quality
from server.errors import SpeechError
from server.partial_speech import PartialSpeech
from server.utterance import Chunk, Interval, Listener, Utterance

MAX_INTERVALS = 256
"""The most intervals kept individually, for spans; further ones are only summed."""
PASSING = 1_000_000
"""Nanoseconds below which a wait is summed but gets no span, unless it is the first."""

CLIENT_LEFT = 499
"""The recorded status when the client disconnected before a status was sent (nginx's convention)."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """The record of a provider's attempt; times are nanoseconds of ``time.perf_counter_ns``."""

    provider: str
    outcome: AttemptOutcome
    start: int
    end: int
    work_seconds: float
    """Seconds until the last audio arrived, without the time in which the listener requested none."""


@dataclass(slots=True, eq=False)
class Synthesis:
    """The synthesis that a request asks for, and its results. It is passed from the route to the fallback chain."""

    utterance: Utterance
    listener: Listener = field(default_factory=Listener)
    fresh: bool = False
    """Whether it bypasses the cache: the audio is made for this request alone and not stored."""
    response_format: str = ""
    """The audio format of the answer."""
    prediction: Prediction | None = None
    """What was predicted when it was admitted; None for audio that need not be made."""
    verify: bool = False
    """Whether its clip is recognised before it is sent, and made again if words are missing or added."""
    estimated_seconds: float = 0.0
    """The estimated seconds of audio: the predicted ones, once there is a prediction."""
    deadline: float = float("inf")
    """When a whole answer, or a stream's first audio, must be ready, in seconds of the event loop's clock."""
    stall_seconds: float = float("inf")
    """Timeout of each further chunk of a stream: the time that was left until ``deadline`` when the chain began."""

    cache: CacheResult | None = None
    """The cache result; None before the look-up. It is final with the first chunk."""
    leader: Synthesis | None = None
    """The other request's synthesis that this one is coalesced with; None if it is not coalesced."""
    provider: str = ""
    """The provider that speaks; empty before the first chunk."""
    take: int = 0
    """The number of times that its audio was made before and discarded."""
    seed: int | None = None
    """The seed of its audio; None before it is made, and for audio whose noise the server can't repeat."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    first_choice: bool = False
    """Whether the voice's first provider made the audio: only then is it cached."""
    sound: bool = False
    """Whether the audio is complete and has no faults."""
    fallback: tuple[str, FallbackReason] | None = None
    """The provider that was skipped or failed, and the reason; the first one if there were several."""
    quality: Quality | None = None
    """The quality of the last attempt's audio, once that attempt has ended."""

    verification: VerificationResult | None = None
    """What was heard in its clips; None unless ``verify``."""
    word_error_rate: float | None = None
    """Of the clip that was verified; None if it was not."""
    verification_seconds: float = 0.0
    """The time that recognising its clips took, and making all but the first."""

    def take_from(self, result: CacheResult, leader: Synthesis | None = None, seed: int | None = None) -> None:
        """Records where the audio comes from; ``seed`` is that of a clip from the cache."""
        self.cache, self.leader, self.seed = result, leader, seed

    @property
    def source(self) -> Synthesis | None:
        """The synthesis that makes the audio, this one or its leader; None for audio from the cache."""
        return None if self.cache is CacheResult.HIT else self.leader or self

    @property
    def vain_seconds(self) -> float:
        """The seconds wasted on failed attempts before the last one."""
        return sum(attempt.end - attempt.start for attempt in self.attempts[:-1]) / 1e9


@dataclass(slots=True)
class RequestRecord:
    """The record of a request; times are nanoseconds of ``time.perf_counter_ns`` unless stated otherwise."""

    request_id: str
    endpoint: str
    method: str
    synthesis: Synthesis | None = None
    """The synthesis that the request asks for; None before the request is read, or if it is invalid."""
    caller: Caller = ANONYMOUS
    """Who sent it, as far as that is known."""
    began_unix: int = field(default_factory=time.time_ns)
    began: int = field(default_factory=time.perf_counter_ns)
    received: int = 0
    """The time when the last byte of the request had arrived; 0 before."""
    first_audio: int = 0
    """The time when the first audio was ready to be sent; 0 before."""
    ready: int = 0
    """The time when the last byte of audio was ready, or the work had failed; 0 before."""
    blocked: int = 0
    """Nanoseconds between ``received`` and ``ready`` in which backpressure of a slow reader blocked the work."""
    work: float = 0.0
    """Nanoseconds of making audio; a batched step counts with this request's share."""
    padding: float = 0.0
    """The nanoseconds of ``work`` that were spent on padding."""
    device_nanos: dict[Device, float] = field(default_factory=dict)
    """Nanoseconds of cores, and of the GPU, that the engine's steps took; a batched step counts with this request's
    share. Texts and encoding are not in it, nor are replicas on other machines."""
    replica_nanos: dict[Device, float] = field(default_factory=dict)
    """The same of the engine's replicas in a cluster."""
    played_until: int = 0
    """When a listener that plays the stream as it arrives will have played all ready audio; 0 before any is ready."""
    underrun: int = 0
    """Nanoseconds of silence that such a listener heard inside the speech, waiting for audio."""
    chunks: int = 0
    audio_seconds: float = 0.0
    status: int = 0
    error: SpeechError | None = None
    outcome: Outcome | None = None
    dry_run: Literal["", "yes", "no"] = ""
    """Empty for a request for audio; for a dry run, whether it would have been admitted."""
    cut_off: bool = False
    """Whether the server cut it off because its reader was too slow."""
    silent: bool = False
    """Whether it is an utterance of a socket that turned out to have nothing to speak."""
    interrupted: PartialSpeech | None = None
    """How far it had come when the client of a socket stopped it; None if it did not."""
    recognition: asyncio.Future[float | None] | None = None
    """The word error rate of a clip recognised beside the request, None if late; None if the clip was not chosen."""
    sampled: bool = False
    """Whether its trace is sampled, which is decided at its end."""
    journal_slot: int = 0
    """The request's slot in the journal."""
    intervals: list[Interval] = field(default_factory=list)
    stage_nanos: dict[Stage, int] = field(default_factory=dict)

    @property
    def utterance(self) -> Utterance | None:
        """The utterance to speak; None before the request is read, or if it is invalid."""
        return self.synthesis.utterance if self.synthesis is not None else None

    @property
    def streamed(self) -> bool:
        """Whether the audio is sent while it is being made."""
        return self.synthesis is not None and self.synthesis.listener.streamed

    @property
    def cache(self) -> CacheResult | None:
        """The cache result; None if there was no synthesis."""
        return self.synthesis.cache if self.synthesis is not None else None

    @property
    def source(self) -> Synthesis | None:
        """The synthesis that made the audio, possibly another request's; None for audio from the cache."""
        return self.synthesis.source if self.synthesis is not None else None

    @property
    def provider(self) -> str:
        """The provider that spoke; empty if none did."""
        synthesis = self.source or self.synthesis
        return synthesis.provider if synthesis is not None else ""

    @property
    def seed(self) -> int | None:
        """The seed that makes the same audio again; None if there is none."""
        synthesis = self.source or self.synthesis
        return synthesis.seed if synthesis is not None else None

    @property
    def without_audio(self) -> bool:
        """Whether it asks for no audio: a dry run, HEAD, or ``silent``. One that ends ok is not counted."""
        return bool(self.dry_run) or self.silent or self.method == "HEAD"

    def mark_received(self) -> None:
        """Records that the last byte of the request has arrived."""
        self.received = time.perf_counter_ns()

    def mark_chunk(self, chunk: Chunk) -> None:
        """Records a chunk of speech."""
        self.chunks += 1
        self.audio_seconds += chunk.seconds
        for interval in chunk.intervals:
            self.add(interval)
        if self.streamed:
            self._play(chunk)

    def mark_first_audio(self) -> None:
        """Records that audio is ready to be sent; only the first call counts."""
        self.first_audio = self.first_audio or time.perf_counter_ns()

    def mark_ready(self) -> None:
        """Records that all audio is ready, which ends the request's duration."""
        self.mark_first_audio()
        self.ready = self.ready or time.perf_counter_ns()

    def finish(self, outcome: Outcome, status: int, error: SpeechError | None = None) -> None:
        """Records how the request ended. ``status`` is 499 when the client left before a response status was sent."""
        self.outcome, self.status, self.error = outcome, status, error
        if outcome is Outcome.ERROR and self.received and not self.ready:
            self.ready = time.perf_counter_ns()

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Times an interval of ``stage``, even if it fails."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            end = time.perf_counter_ns()
            self.add(Interval(stage, start, end))
            if stage is Stage.SEND and not self.ready:
                self.blocked += end - start

    def add(self, interval: Interval) -> None:
        """Adds an interval to the sums of its stage, and to ``intervals`` while there is room."""
        passing = interval.stage is Stage.QUEUE and interval.nanos < PASSING and Stage.QUEUE in self.stage_nanos
        self.stage_nanos[interval.stage] = self.stage_nanos.get(interval.stage, 0) + interval.nanos
        if interval.stage in WORK:
            share = interval.nanos / interval.batch_size
            self.work += share
            if interval.peers is not None:
                self.padding += share * interval.peers.padding
            if interval.device is not None and interval.stage in ENGINE:
                spent = self.replica_nanos if interval.replica else self.device_nanos
                spent[interval.device] = spent.get(interval.device, 0.0) + share * interval.units
        if len(self.intervals) < MAX_INTERVALS and not passing:
            self.intervals.append(interval)

    def stage_seconds(self) -> dict[Stage, float]:
        """Returns the seconds spent in each stage, in the order of Stage; stages not entered are omitted."""
        return {stage: self.stage_nanos[stage] / 1e9 for stage in Stage if stage in self.stage_nanos}

    def device_seconds(self, device: Device) -> float:
        """Returns the seconds of this machine's ``device`` that the engine's steps took for this request."""
        return self.device_nanos.get(device, 0.0) / 1e9

    def work_seconds(self, device: Device) -> float:
        """Returns the seconds of ``device`` on any machine of ours: what a request costs is by them."""
        return (self.device_nanos.get(device, 0.0) + self.replica_nanos.get(device, 0.0)) / 1e9

    @property
    def cancellation(self) -> Cancellation | None:
        """Why the request was cancelled; None if it was not."""
        if self.outcome is not Outcome.CANCELLED:
            return None
        if self.cut_off:
            return Cancellation.SLOW_READER
        if self.interrupted is not None:
            return Cancellation.INTERRUPTED
        if not self.received:
            return Cancellation.INCOMPLETE
        return Cancellation.BEFORE_ANSWER if self.status == CLIENT_LEFT else Cancellation.DURING_ANSWER

    @property
    def synthesized(self) -> bool:
        """Whether audio was made for this request: False for a cache hit or a coalesced request."""
        return self.cache in (CacheResult.MISS, CacheResult.BYPASS)

    @property
    def duration(self) -> float | None:
        """Seconds of the server's own time, without ``blocked``; None before the end or for an incomplete request."""
        return (self.ready - self.received - self.blocked) / 1e9 if self.received and self.ready else None

    @property
    def time_to_first_audio(self) -> float | None:
        """Seconds from the complete request to the first audio; None if there was no audio."""
        return (self.first_audio - self.received) / 1e9 if self.received and self.first_audio else None

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work per second of audio; None if no audio was made for this request."""
        if not self.audio_seconds or not self.synthesized:
            return None
        return self.work / 1e9 / self.audio_seconds

    def _play(self, chunk: Chunk) -> None:
        """Advances the playback clock, which stands still while the reader blocks the work."""
        moment = time.perf_counter_ns() - self.blocked
        if self.played_until:
            self.underrun += max(0, moment - self.played_until)
        self.played_until = max(moment, self.played_until) + round(chunk.seconds * 1e9)

    @property
    def word_count_range(self) -> str:
        """The label of the range of the utterance's word count."""
        return WORDS.label(self.utterance.words if self.utterance else 0)

    @property
    def char_count_range(self) -> str:
        """The label of the range of the utterance's character count."""
        return CHARACTERS.label(self.utterance.characters if self.utterance else 0)

    def unix_nanos(self, moment: int) -> int:
        """Converts a time of this record, such as ``began``, to Unix nanoseconds."""
        return self.began_unix + moment - self.began
