"""What the engine does next: the step that is due first, and others like it beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from server.scheduling.job import Job, Task, by_due
from server.scheduling.steps import Decode, Engine, Latent, Samples
from server.speech import Interval, Mates, Stage

Result = Latent | Samples | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps of one kind that the engine takes together."""

    tasks: tuple[Task, ...]
    padding: float
    """The share of the work that pads the shorter ones, 0 to 1."""

    @property
    def stage(self) -> Stage:
        return Stage.DECODE if isinstance(self.tasks[0].step, Decode) else Stage.INFER


class Schedule:
    """Earliest due first (Liu and Layland, 1973), where due is the moment somebody waits for.

    A request's first audio is due when it comes; what follows of a stream when it will be heard, and of a whole answer
    sooner, since somebody waits for its end. A client that asks for much at once is due later by what it asked for
    already (virtual clocks, Zhang 1990): the others go first, and since no due time ever moves, everybody's turn comes.
    Each client's clock runs as if it had the engine to itself, so several that flood it still delay a newcomer.
    """

    def __init__(self, engine: Engine, rate: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` is how many seconds of audio the engine makes in a second."""
        self._engine = engine
        self._rate = rate
        self._clock = clock
        self._jobs: dict[Job, None] = {}
        self._owed: dict[str, float] = {}

    @property
    def depth(self) -> int:
        """Jobs that wait for their turn."""
        return sum(job.waiting for job in self._jobs)

    @property
    def audio_seconds(self) -> float:
        """Of audio that is still to be made."""
        return sum(job.seconds for job in self._jobs)

    def add(self, job: Job) -> None:
        """Takes ``job`` in, behind what its client has asked for already."""
        now = self._clock()
        self._owed = {client: until for client, until in self._owed.items() if until > now}
        job.start = max(now, self._owed.get(job.client, now))
        self._owed[job.client] = job.start + job.seconds / self._rate()
        self._jobs[job] = None
        job.settle(time.perf_counter_ns())

    def remove(self, job: Job) -> None:
        """Forgets ``job``; what runs of it ends, and is dropped. Removing it again is allowed."""
        job.closed = True
        self._jobs.pop(job, None)

    def next(self) -> Batch | None:
        """Takes what is due first, with others of its kind as far as the engine likes; None if there is nothing."""
        first = min((task for job in self._jobs for task in islice(job.tasks(), 1)), key=by_due, default=None)
        if first is None:
            return None
        most = 1 if first.alone else self._engine.most(first.step)
        tasks = [first] if most == 1 else self._like(first, most)
        now = time.perf_counter_ns()
        for task in tasks:
            task.job.take(task, now)
        sizes = [self._engine.size(task.step) for task in tasks]
        return Batch(tuple(tasks), 1.0 - sum(sizes) / (max(sizes) * len(sizes)))

    def complete(self, batch: Batch, results: Sequence[Result], start: int, end: int) -> None:
        """``batch`` ran from ``start`` to ``end``, in ns of ``time.perf_counter_ns``."""
        origins = [task.job.origin for task in batch.tasks]
        for number, (task, result) in enumerate(zip(batch.tasks, results, strict=True)):
            others = tuple(origin for other, origin in enumerate(origins) if other != number)
            mates = Mates(others, batch.padding) if others else None
            task.job.complete(task, result, Interval(batch.stage, start, end, mates))
            self._after(task.job)

    def failed(self, batch: Batch, error: Exception) -> None:
        """``batch`` has failed: who was alone in it fails, the others are tried one by one."""
        for task in batch.tasks:
            if len(batch.tasks) > 1:
                task.job.give_back(task)
                self._after(task.job)
            else:
                self._jobs.pop(task.job, None)
                task.job.fail(error)

    def fail_all(self, error: Exception) -> None:
        """Nothing will be made any more."""
        for job in list(self._jobs):
            self.remove(job)
            job.fail(error)

    def _like(self, first: Task, most: int) -> list[Task]:
        """``first`` and what may be taken with it, by due time."""
        bucket = self._engine.bucket(first.step)
        tasks = [
            task
            for job in self._jobs
            for task in islice(job.tasks(), most)
            if not task.alone and self._engine.bucket(task.step) == bucket
        ]
        return sorted(tasks, key=by_due)[:most]

    def _after(self, job: Job) -> None:
        job.settle(time.perf_counter_ns())
        if job.finished:
            self._jobs.pop(job, None)
