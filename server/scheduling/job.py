"""One request's job: the progress of its sentences, and its finished audio in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from operator import attrgetter

from otel.contract.values import Stage
from server.scheduling.audio_queue import AudioPiece, AudioQueue
from server.scheduling.engine import Decode, Sentence, Step, StepResult
from server.scheduling.sentence_work import SentenceWork
from server.utterance import Interval

AHEAD_SECONDS = 10.0
"""Seconds of audio that a stream may be ahead of its reader before backpressure pauses it."""
WHOLE_PACE = 0.25
"""A stream's audio is due when it is played. A whole answer's audio is due in a quarter of that time, since the client
waits for its end."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadyStep:
    """A step of a job that can run now."""

    job: Job
    work: SentenceWork
    step: Step
    due: float
    """The deadline, in seconds of the schedule's clock; the earliest runs next."""
    window: int = 0
    """The number of the window, within its sentence, that a Decode makes."""
    retry: bool = False
    """Whether its batch failed. It then runs in a batch of its own."""


by_due = attrgetter("due")
"""The sort key by which steps run."""


class Job:
    """A request's sentences; used by the event loop's thread alone.

    ``changed`` is called when there is new audio, and at the end or a ``failure``.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        seconds: Sequence[float],
        sample_rate: int,
        *,
        streamed: bool = False,
        low_latency: bool | None = None,
        client: str = "",
        origin: object = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``seconds`` is the estimated audio of each sentence without silence. ``low_latency`` is whether the first
        sentence begins with short windows, by default that of a stream. ``client`` is the one for fair
        scheduling. ``origin`` identifies this request in the records of batch peers: the context of its span."""
        short = streamed if low_latency is None else low_latency
        self._sentences = [
            SentenceWork(sentence, estimate + sentence.silence, low_latency=short and number == 0)
            for number, (sentence, estimate) in enumerate(zip(sentences, seconds, strict=True))
        ]
        self._streamed = streamed
        self._head = 0
        """The index of the sentence whose audio is delivered next."""
        self._head_begin = 0.0
        """The start of that sentence in the audio, in seconds."""
        self._running = 0
        self._waiting_since: int | None = None
        self._retries: list[ReadyStep] = []
        self._audio = AudioQueue(sample_rate)
        self.client = client
        self.origin = origin
        self.changed = changed
        self._start = 0.0
        # The schedule reads these of every job at every step, so they are cached until something changes.
        self._next_step: ReadyStep | None = None
        self._next_step_stale = True
        self._seconds: float | None = None
        self.failure: Exception | None = None
        self.closed = False

    @property
    def start(self) -> float:
        """When its first audio is due, in seconds of the schedule's clock. The schedule sets it, and moves it forward
        when the client abandons an earlier request."""
        return self._start

    @start.setter
    def start(self, start: float) -> None:
        self._start, self._next_step_stale = start, True

    @property
    def seconds(self) -> float:
        """The remaining seconds of audio, partly estimated."""
        if self._seconds is None:
            self._seconds = sum(work.remaining for work in self._sentences[self._head :])
        return self._seconds

    @property
    def finished(self) -> bool:
        """Whether all audio was made; some of it may not be fetched yet."""
        return self._head == len(self._sentences)

    @property
    def waiting(self) -> bool:
        """Whether it waits for its turn."""
        return self._waiting_since is not None

    def fetch(self) -> AudioPiece | None:
        """Returns the next piece of audio, or None when none is ready."""
        piece = self._audio.fetch()
        if piece is not None:
            self._next_step_stale = True
        return piece

    @property
    def next_step(self) -> ReadyStep | None:
        """The most urgent ready step, or None when there is none."""
        if self.closed:
            return None
        if self._next_step_stale:
            self._next_step, self._next_step_stale = next(self.ready_steps(), None), False
        return self._next_step

    def ready_steps(self) -> Iterator[ReadyStep]:
        """Yields the ready steps, the most urgent first."""
        if not self.closed:
            yield from merge(sorted(self._retries, key=by_due), self._first_attempts(), key=by_due)

    def begin(self, ready: ReadyStep, timestamp: int) -> None:
        """Marks a step as running since ``timestamp``, in ns of ``time.perf_counter_ns``."""
        self._running += 1
        self._next_step_stale = True
        if self._waiting_since is not None:
            self._audio.add_interval(Interval(Stage.QUEUE, self._waiting_since, timestamp))
            self._waiting_since = None
        if ready.retry:
            self._retries.remove(ready)
        else:
            ready.work.begin(ready.step, ready.window)

    def update_wait(self, timestamp: int) -> None:
        """Begins a wait at ``timestamp``, in ns, if a step is ready and none is running."""
        if self._running == 0 and self._waiting_since is None and self.next_step is not None:
            self._waiting_since = timestamp

    def complete(self, ready: ReadyStep, result: StepResult, interval: Interval) -> None:
        """Stores the ``result`` of a step that ran in ``interval``."""
        self._running -= 1
        self._next_step_stale, self._seconds = True, None
        ready.work.complete(result, ready.window, interval)
        if isinstance(ready.step, Decode):
            self._deliver()
        else:
            self._audio.add_interval(interval)

    def retry(self, ready: ReadyStep) -> None:
        """Makes a step ready again, in a batch of its own: its batch failed, perhaps because of another step."""
        self._running -= 1
        self._next_step_stale = True
        self._retries.append(replace(ready, retry=True))

    def fail(self, error: Exception) -> None:
        """Ends the job with ``error``; it makes no more audio."""
        self.failure = self.failure or error
        self.closed = True
        self.changed()

    def _first_attempts(self) -> Iterator[ReadyStep]:
        # The limit is a position in the audio, not an amount made: later sentences may finish before an earlier one and
        # must not block it.
        pace, latest = (1.0, self._audio.fetched_seconds + AHEAD_SECONDS) if self._streamed else (WHOLE_PACE, math.inf)
        begin = self._head_begin
        for work in self._sentences[self._head :]:
            for step, position, window in work.ready_steps():
                offset = (begin + position) * pace
                if offset > latest:
                    return
                yield ReadyStep(self, work, step, self._start + offset, window)
            begin += work.seconds

    def _deliver(self) -> None:
        """Moves the windows that are next in order to the audio queue."""
        work = self._sentences[self._head]
        while (decoded := work.next_window()) is not None:
            samples, interval = decoded
            first = work.delivered == 1
            self._audio.append(
                samples,
                interval,
                words=work.words(self._head_begin) if first else (),
                silence_before=work.sentence.leading_silence if first else 0.0,
                silence_after=work.sentence.pause if work.finished else 0.0,
            )
            if work.finished:
                self._head_begin += work.seconds
                self._head += 1
                work.latent = None  # frees device memory
                if self.finished:
                    break
                work = self._sentences[self._head]
        self.changed()
