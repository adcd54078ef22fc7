"""One request's work: its sentences on their way to audio, and the audio that waits to be fetched, in order."""

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
"""Seconds of audio that may wait for the reader of a stream before work on it pauses."""
WHOLE_PACE = 0.25
"""A stream's audio is due when it is heard. A whole answer's audio is due in a quarter of that time, since the client
waits for its end."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadyStep:
    """A step of a job that can run now."""

    job: Job
    work: SentenceWork
    step: Step
    due: float
    """The time when it should run, in seconds of the schedule's clock; the earliest is next."""
    window: int = 0
    """The number of the window in its sentence that a Decode makes."""
    retry: bool = False
    """Whether it was in a batch that failed. It is then run in a batch of its own."""


by_due = attrgetter("due")
"""The order in which steps run."""


class Job:
    """A request's sentences; used by the event loop's thread alone.

    ``changed`` is called whenever there is something to fetch: audio, the end, or ``failure``.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        seconds: Sequence[float],
        sample_rate: int,
        *,
        streamed: bool = False,
        client: str = "",
        origin: object = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``seconds`` is the estimated audio of each sentence without silence. ``client`` is the one that scheduling
        must be fair to. ``origin`` is what the records of batch peers say of this request: the context of its span."""
        self._sentences = [
            SentenceWork(sentence, estimate + sentence.silence, low_latency=streamed and number == 0)
            for number, (sentence, estimate) in enumerate(zip(sentences, seconds, strict=True))
        ]
        self._streamed = streamed
        self._head = 0
        """The sentence whose audio is delivered next."""
        self._head_begin = 0.0
        """The second of the audio at which that sentence begins."""
        self._running = 0
        self._waiting_since: int | None = None
        self._retries: list[ReadyStep] = []
        self._audio = AudioQueue(sample_rate)
        self.client = client
        self.origin = origin
        self.changed = changed
        self._start = 0.0
        # The schedule asks every job for these at every step: they are cached until something changes.
        self._next_step: ReadyStep | None = None
        self._next_step_stale = True
        self._seconds: float | None = None
        self.failure: Exception | None = None
        self.closed = False

    @property
    def start(self) -> float:
        """The time when its first audio is due, in seconds of the schedule's clock. The schedule sets it, and sets it
        sooner when the job's client abandons a request that came before it."""
        return self._start

    @start.setter
    def start(self, start: float) -> None:
        self._start, self._next_step_stale = start, True

    @property
    def seconds(self) -> float:
        """Seconds of audio that are still to be made, some of them estimated."""
        if self._seconds is None:
            self._seconds = sum(work.remaining for work in self._sentences[self._head :])
        return self._seconds

    @property
    def finished(self) -> bool:
        """Whether all audio was made; some may still have to be fetched."""
        return self._head == len(self._sentences)

    @property
    def waiting(self) -> bool:
        """Whether it waits for its turn."""
        return self._waiting_since is not None

    def fetch(self) -> AudioPiece | None:
        """Returns the next audio, or None when nothing is ready."""
        piece = self._audio.fetch()
        if piece is not None:
            self._next_step_stale = True
        return piece

    @property
    def next_step(self) -> ReadyStep | None:
        """The most urgent step that can run now, or None when there is none."""
        if self.closed:
            return None
        if self._next_step_stale:
            self._next_step, self._next_step_stale = next(self.ready_steps(), None), False
        return self._next_step

    def ready_steps(self) -> Iterator[ReadyStep]:
        """Yields the steps that can run now, the most urgent first."""
        if not self.closed:
            yield from merge(sorted(self._retries, key=by_due), self._first_attempts(), key=by_due)

    def begin(self, ready: ReadyStep, timestamp: int) -> None:
        """Notes that a step begins at ``timestamp``, in ns of ``time.perf_counter_ns``."""
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
        """Takes in the ``result`` of a step that ran in ``interval``."""
        self._running -= 1
        self._next_step_stale, self._seconds = True, None
        ready.work.complete(result, ready.window, interval)
        if isinstance(ready.step, Decode):
            self._deliver()
        else:
            self._audio.add_interval(interval)

    def retry(self, ready: ReadyStep) -> None:
        """Offers a step again, in a batch of its own: its batch failed, perhaps through no fault of this step."""
        self._running -= 1
        self._next_step_stale = True
        self._retries.append(replace(ready, retry=True))

    def fail(self, error: Exception) -> None:
        """Ends the job: no more audio will come."""
        self.failure = self.failure or error
        self.closed = True
        self.changed()

    def _first_attempts(self) -> Iterator[ReadyStep]:
        # The place in the audio counts, not how much was made: later sentences may be done before an earlier one, and
        # must not keep it from being made.
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
        """Gives the windows that are next in order their place in the audio."""
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
                work.latent = None  # its memory is the device's
                if self.finished:
                    break
                work = self._sentences[self._head]
        self.changed()
