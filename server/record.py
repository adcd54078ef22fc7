"""The record of one request for audio: what is asked for, and, noted by everybody who works on it, what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from otel.contract.ranges import CHARACTERS, WORDS
from otel.contract.values import WORK, AttemptOutcome, CacheResult, FallbackReason, Outcome, Stage
from server.audio.quality import Quality
from server.errors import SpeechError
from server.utterance import Chunk, Interval, Listener, Utterance

MAX_INTERVALS = 256
"""Intervals remembered one by one, for spans; past that only their sum is."""
PASSING = 1_000_000
"""Nanoseconds below which a wait is summed, but makes no span, unless it is the first."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a provider to speak; times are nanoseconds of ``time.perf_counter_ns``."""

    provider: str
    outcome: AttemptOutcome
    start: int
    end: int
    work_seconds: float
    """The time until the last audio was here, without the time in which nobody asked for more."""


@dataclass(slots=True, eq=False)
class Synthesis:
    """The synthesis that one request asks for, and the account of it. It travels from the route to the provider."""

    utterance: Utterance
    listener: Listener = field(default_factory=Listener)
    fresh: bool = False
    """Whether the audio is made for this request alone, and not kept."""
    estimated_seconds: float = 0.0
    """About how much audio it will be."""
    deadline: float = float("inf")
    """The time when a whole answer, or a stream's first audio, must be ready, in seconds of the event loop's clock."""
    stall_seconds: float = float("inf")
    """The time that each further stretch of a stream may take: as long as the first had when a provider was asked."""

    cache: CacheResult | None = None
    """The source of the audio; None before the cache was asked. It is final with the first chunk."""
    leader: Synthesis | None = None
    """The equal synthesis, already under way for another request, whose audio is given; None for any other audio."""
    provider: str = ""
    """The provider that speaks, known with the first chunk; empty before."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    first_choice: bool = False
    """Whether it was spoken by the voice's first provider: only that is worth keeping."""
    sound: bool = False
    """Whether all of it was made, and nothing is wrong with it."""
    fallback: tuple[str, FallbackReason] | None = None
    """The provider that was to speak and did not, and why; the first one if there were several."""
    quality: Quality | None = None
    """The quality of the last attempt's audio, once that has ended."""

    def take_from(self, result: CacheResult, leader: Synthesis | None = None) -> None:
        """Notes where the audio comes from."""
        self.cache, self.leader = result, leader

    @property
    def source(self) -> Synthesis | None:
        """The synthesis that makes the audio, this one or its leader; None for audio from the cache."""
        return None if self.cache is CacheResult.HIT else self.leader or self

    @property
    def vain_seconds(self) -> float:
        """The seconds spent on attempts that failed before another provider was asked."""
        return sum(attempt.end - attempt.start for attempt in self.attempts[:-1]) / 1e9


@dataclass(slots=True)
class RequestRecord:
    """The record of a request; times are nanoseconds of ``time.perf_counter_ns`` unless they say otherwise."""

    request_id: str
    endpoint: str
    method: str
    synthesis: Synthesis | None = None
    """What the request asks for; None before it was read, or if it could not be."""
    began_unix: int = field(default_factory=time.time_ns)
    began: int = field(default_factory=time.perf_counter_ns)
    received: int = 0
    """The time when the last byte of the request had arrived; 0 before."""
    first_audio: int = 0
    """The time when the first audio was ready to be sent; 0 before."""
    ready: int = 0
    """The time when the last byte of audio was ready, or the work on it had failed; 0 before."""
    blocked: int = 0
    """Nanoseconds between ``received`` and ``ready`` in which a slow reader held up the work."""
    work: float = 0.0
    """Nanoseconds of making audio; of a step that was taken for several requests at once, this one's share."""
    padding: float = 0.0
    """Nanoseconds of that in which only the batch's longest was worked on."""
    played_until: int = 0
    """The time when a listener who plays the stream as it comes will have played all that is ready; 0 before any is."""
    underrun: int = 0
    """Nanoseconds of silence that this listener heard inside the speech, waiting for more."""
    chunks: int = 0
    audio_seconds: float = 0.0
    status: int = 0
    error: SpeechError | None = None
    outcome: Outcome | None = None
    cut_off: bool = False
    """Whether the server ended it, since its reader was too slow."""
    journal_slot: int = 0
    """The slot of the journal that holds it."""
    intervals: list[Interval] = field(default_factory=list)
    stage_nanos: dict[Stage, int] = field(default_factory=dict)

    @property
    def utterance(self) -> Utterance | None:
        """What is to be spoken; None before it was read, or if it could not be."""
        return self.synthesis.utterance if self.synthesis is not None else None

    @property
    def streamed(self) -> bool:
        """Whether the audio is sent while it is being made."""
        return self.synthesis is not None and self.synthesis.listener.streamed

    @property
    def cache(self) -> CacheResult | None:
        """The source of the audio; None if there was no synthesis."""
        return self.synthesis.cache if self.synthesis is not None else None

    @property
    def source(self) -> Synthesis | None:
        """The synthesis that made the audio, which may be another request's; None for audio from the cache."""
        return self.synthesis.source if self.synthesis is not None else None

    @property
    def provider(self) -> str:
        """The provider that spoke; empty if none did."""
        synthesis = self.source or self.synthesis
        return synthesis.provider if synthesis is not None else ""

    def mark_received(self) -> None:
        """The last byte of the request is here."""
        self.received = time.perf_counter_ns()

    def mark_chunk(self, chunk: Chunk) -> None:
        """A chunk of speech has come from the provider."""
        self.chunks += 1
        self.audio_seconds += chunk.seconds
        for interval in chunk.intervals:
            self.add(interval)
        if self.streamed:
            self._play(chunk)

    def mark_first_audio(self) -> None:
        """Audio is ready to be sent; only the first call counts."""
        self.first_audio = self.first_audio or time.perf_counter_ns()

    def mark_ready(self) -> None:
        """All audio is ready: the end of the request's duration."""
        self.mark_first_audio()
        self.ready = self.ready or time.perf_counter_ns()

    def finish(self, outcome: Outcome, status: int, error: SpeechError | None = None) -> None:
        """Notes how the request ended. ``status`` is 499 when the client left before there was one."""
        self.outcome, self.status, self.error = outcome, status, error
        if outcome is Outcome.ERROR and self.received and not self.ready:
            self.ready = time.perf_counter_ns()

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Times a stretch of ``stage``, also one that fails."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            end = time.perf_counter_ns()
            self.add(Interval(stage, start, end))
            if stage is Stage.SEND and not self.ready:
                self.blocked += end - start

    def add(self, interval: Interval) -> None:
        """Adds a stretch of one stage to the sums, and to the intervals where there is room."""
        passing = interval.stage is Stage.QUEUE and interval.nanos < PASSING and Stage.QUEUE in self.stage_nanos
        self.stage_nanos[interval.stage] = self.stage_nanos.get(interval.stage, 0) + interval.nanos
        if interval.stage in WORK:
            share = interval.nanos / interval.batch_size
            self.work += share
            if interval.peers is not None:
                self.padding += share * interval.peers.padding
        if len(self.intervals) < MAX_INTERVALS and not passing:
            self.intervals.append(interval)

    def stage_seconds(self) -> dict[Stage, float]:
        """Returns the seconds spent in each stage, in the order of the stages; stages not entered are left out."""
        return {stage: self.stage_nanos[stage] / 1e9 for stage in Stage if stage in self.stage_nanos}

    @property
    def synthesized(self) -> bool:
        """Whether audio was made for this request: not if it was kept, or made for another one."""
        return self.cache in (CacheResult.MISS, CacheResult.BYPASS)

    @property
    def duration(self) -> float | None:
        """Seconds of the server's own time, or None before there is an end or if the request was never whole."""
        return (self.ready - self.received - self.blocked) / 1e9 if self.received and self.ready else None

    @property
    def time_to_first_audio(self) -> float | None:
        """Seconds, or None if there was no audio."""
        return (self.first_audio - self.received) / 1e9 if self.received and self.first_audio else None

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work per second of audio, or None if none was made for this request."""
        if not self.audio_seconds or not self.synthesized:
            return None
        return self.work / 1e9 / self.audio_seconds

    def _play(self, chunk: Chunk) -> None:
        """Moves the playback clock, which stands still while the reader holds the work up."""
        moment = time.perf_counter_ns() - self.blocked
        if self.played_until:
            self.underrun += max(0, moment - self.played_until)
        self.played_until = max(moment, self.played_until) + round(chunk.seconds * 1e9)

    @property
    def word_count_range(self) -> str:
        """The label of the utterance's number of words."""
        return WORDS.label(self.utterance.words if self.utterance else 0)

    @property
    def char_count_range(self) -> str:
        """The label of the utterance's number of characters."""
        return CHARACTERS.label(self.utterance.characters if self.utterance else 0)

    def unix_nanos(self, moment: int) -> int:
        """Returns a moment of this record as nanoseconds since 1970, on one clock with ``began``."""
        return self.began_unix + moment - self.began
