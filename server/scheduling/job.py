"""One request's work: its sentences on their way to audio, and the audio that waits to be fetched, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from operator import attrgetter

import numpy as np

from otel.contract.values import Stage
from server.scheduling import windows as plan
from server.scheduling.engine import Decode, Encode, Latent, Refine, Samples, Sentence, Step
from server.scheduling.windows import Span
from server.utterance import Interval, Word

AHEAD_SECONDS = 10.0
"""Audio that may wait for the reader of a stream before work on it pauses."""
WHOLE_PACE = 0.25
"""A stream's audio is due when it is heard; a whole answer's in a quarter of that time, since its end is waited for."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A step of a job that can be taken now."""

    job: Job
    part: Part
    step: Step
    due: float
    """When it should be taken, in seconds of the schedule's clock; the earliest is next."""
    window: int = 0
    """Of a Decode: which of its sentence."""
    alone: bool = False
    """Whether it must have no batch mates: it was in a batch that failed."""


by_due = attrgetter("due")
"""The order in which tasks are taken."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio in order, with where the time to make it went."""

    samples: Samples
    intervals: tuple[Interval, ...]
    words: tuple[Word, ...] = ()
    """Of the sentence that begins with it, if their times are wanted."""


@dataclass(slots=True, eq=False)
class Part:
    """A sentence on its way."""

    sentence: Sentence
    seconds: float
    """Of its audio, silence included; an estimate until it is encoded."""
    early: bool
    """Whether somebody waits for its first audio."""
    latent: Latent | None = None
    windows: tuple[Span, ...] = ()
    blocks: tuple[Span, ...] = ()
    encoding: bool = False
    refining: bool = False
    refined: int = 0
    """Blocks that went through the flow."""
    taken: set[int] = field(default_factory=set)
    """Windows that are decoded, or on their way: not always the first ones, since batches are of one length."""
    delivered: int = 0
    """Windows whose audio has its place in the job's."""
    decoded: dict[int, tuple[Samples, Interval]] = field(default_factory=dict)
    """Windows that came before their turn, and when they were decoded."""

    @property
    def done(self) -> bool:
        return self.latent is not None and self.delivered == len(self.windows)

    @property
    def remaining(self) -> float:
        """Seconds of audio that are still to be made of it."""
        if self.latent is None or self.delivered == 0:
            return self.seconds
        return self.seconds - self.windows[self.delivered - 1].stop * self.latent.frame_seconds


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
        """``seconds`` are the estimated audio of each sentence without silence, ``client`` is whom to be fair to,
        ``origin`` what batch mates are told of this request (its span)."""
        self._parts = [
            Part(sentence, estimate + sentence.silence, early=streamed and number == 0)
            for number, (sentence, estimate) in enumerate(zip(sentences, seconds, strict=True))
        ]
        self._sample_rate = sample_rate
        self._streamed = streamed
        self._head = 0
        self._made = 0.0
        self._fetched = 0.0
        self._running = 0
        self._waiting_since: int | None = None
        self._again: list[Task] = []
        self._pieces: deque[Piece] = deque()
        self._intervals: list[Interval] = []
        self.client = client
        self.origin = origin
        self.changed = changed
        self._start = 0.0
        # Asked of every job at every step: kept until something changes.
        self._first: Task | None = None
        self._changed = True
        self._seconds: float | None = None
        self.failure: Exception | None = None
        self.closed = False

    @property
    def start(self) -> float:
        """When its first audio is due, in seconds of the schedule's clock; set by the schedule, and set sooner when its
        client gives up what is before it."""
        return self._start

    @start.setter
    def start(self, start: float) -> None:
        self._start, self._changed = start, True

    @property
    def seconds(self) -> float:
        """Of audio that is still to be made, some of it estimated."""
        if self._seconds is None:
            self._seconds = sum(part.remaining for part in self._parts[self._head :])
        return self._seconds

    @property
    def finished(self) -> bool:
        """Whether all of it was made; some may still have to be fetched."""
        return self._head == len(self._parts)

    @property
    def waiting(self) -> bool:
        """Whether it waits for its turn."""
        return self._waiting_since is not None

    def fetch(self) -> Piece | None:
        """The next audio, or None if there is none now."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self._changed = True
        self._fetched += len(piece.samples) / self._sample_rate
        return piece

    @property
    def first(self) -> Task | None:
        """The most urgent of what can be taken now, or None if there is nothing."""
        if self.closed:
            return None
        if self._changed:
            self._first, self._changed = next(self.tasks(), None), False
        return self._first

    def tasks(self) -> Iterator[Task]:
        """What can be taken now, the most urgent first."""
        if not self.closed:
            yield from merge(sorted(self._again, key=by_due), self._untried(), key=by_due)

    def take(self, task: Task, now: int) -> None:
        """``task`` begins, at ``now`` in ns of ``time.perf_counter_ns``."""
        self._running += 1
        self._changed = True
        if self._waiting_since is not None:
            self._intervals.append(Interval(Stage.QUEUE, self._waiting_since, now))
            self._waiting_since = None
        if task.alone:
            self._again.remove(task)
            return
        match task.step:
            case Encode():
                task.part.encoding = True
            case Refine():
                task.part.refining = True
            case Decode():
                task.part.taken.add(task.window)

    def settle(self, now: int) -> None:
        """Notes whether it waits for its turn from ``now`` on, in ns."""
        if self._running == 0 and self._waiting_since is None and self.first is not None:
            self._waiting_since = now

    def complete(self, task: Task, result: Latent | Samples | None, interval: Interval) -> None:
        """``task`` has ended with ``result``: the latent of an Encode, the samples of a Decode."""
        part = task.part
        self._running -= 1
        self._changed, self._seconds = True, None
        if isinstance(task.step, Decode):
            part.decoded[task.window] = result, interval  # type: ignore[assignment]
            self._deliver()
            return
        self._intervals.append(interval)
        if isinstance(task.step, Encode):
            self._encoded(part, result)  # type: ignore[arg-type]
        else:
            part.refined += 1
            part.refining = False

    def give_back(self, task: Task) -> None:
        """``task`` was not done, perhaps through no fault of its own: it is to be taken again, alone."""
        self._running -= 1
        self._changed = True
        self._again.append(replace(task, alone=True))

    def fail(self, error: Exception) -> None:
        """Nothing more will come."""
        self.failure = self.failure or error
        self.closed = True
        self.changed()

    def _untried(self) -> Iterator[Task]:
        position = self._made
        for part in self._parts[self._head :]:
            for task in self._tasks_of(part, position):
                # By its place in the audio, not by how much was made: later sentences may be done before an earlier
                # one, and must not keep it from being made.
                if self._streamed and task.due - self._start > self._fetched + AHEAD_SECONDS:
                    return
                yield task
            position += part.seconds

    def _tasks_of(self, part: Part, position: float) -> Iterator[Task]:
        if part.latent is None:
            if not part.encoding:
                yield Task(self, part, Encode(part.sentence), self._due(position))
            return
        latent = part.latent
        ready = part.blocks[part.refined - 1].stop if part.refined else 0
        for number, window in enumerate(part.windows):
            if number in part.taken:
                continue
            due = self._due(position + part.sentence.lead + window.start * latent.frame_seconds)
            if ready < min(latent.frames, window.stop + latent.context):
                if not part.refining:
                    block = part.blocks[part.refined]
                    yield Task(self, part, Refine(latent, block.start, block.stop), due)
                return
            yield Task(self, part, Decode(latent, window.start, window.stop), due, number)

    def _due(self, position: float) -> float:
        """Of what is heard ``position`` seconds into the audio."""
        return self._start + position * (1.0 if self._streamed else WHOLE_PACE)

    def _encoded(self, part: Part, latent: Latent) -> None:
        part.latent = latent
        part.windows = plan.windows(latent.frames, part.early)
        part.blocks = plan.blocks(latent.frames, part.early, latent.context)
        part.seconds = latent.frames * latent.frame_seconds + part.sentence.silence

    def _words(self, part: Part) -> tuple[Word, ...]:
        """Those of a sentence that is about to be heard, by their places in the whole audio."""
        latent = part.latent
        if latent is None or not part.sentence.marks:
            return ()
        begin = self._made + part.sentence.lead
        ends = [0, *latent.ends]
        return tuple(
            Word(
                mark.written,
                begin + ends[mark.start] * latent.frame_seconds,
                begin + ends[mark.stop] * latent.frame_seconds,
            )
            for mark in part.sentence.marks
        )

    def _deliver(self) -> None:
        """Gives what is next in order its place in the audio."""
        part = self._parts[self._head]
        while (window := part.decoded.pop(part.delivered, None)) is not None:
            samples, interval = window
            words = self._words(part) if not part.delivered else ()
            part.delivered += 1
            before = part.sentence.lead if part.delivered == 1 else 0.0
            after = part.sentence.pause if part.done else 0.0
            if before or after:
                samples = np.pad(samples, (round(before * self._sample_rate), round(after * self._sample_rate)))
            self._pieces.append(Piece(samples, (*self._intervals, interval), words))
            self._intervals.clear()
            if part.done:
                self._made += part.seconds
                self._head += 1
                part.latent = None  # its memory is the device's
                if self.finished:
                    break
                part = self._parts[self._head]
        self.changed()
