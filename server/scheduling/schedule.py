"""What the engine does next: the step that is due first, and others like it beside it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

from otel.contract.values import Stage
from server.scheduling.engine import Decode, Engine, Result
from server.scheduling.job import Job, Task
from server.utterance import Interval, Mates

TURN_SECONDS = 1.0
"""Of audio, after which the other clients have their turn: nearly every window is longer, so that a turn is one window,
and one of short windows is several."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps of one kind that the engine takes together."""

    tasks: tuple[Task, ...]
    padding: float
    """The share of the work that pads the shorter ones, 0 to 1."""

    @property
    def stage(self) -> Stage:
        return Stage.DECODE if isinstance(self.tasks[0].step, Decode) else Stage.INFER


@dataclass(slots=True, eq=False)
class Client:
    """Somebody with requests inside; forgotten with the last of them."""

    jobs: dict[Job, None] = field(default_factory=dict)
    busy_until: float = 0.0
    """When all it asked for would be made if it had the engine to itself, in seconds of the schedule's clock."""
    turn: float = 0.0
    """When its last turn ended, in seconds of the schedule's clock."""
    served: float = 0.0
    """Seconds of audio in its present turn."""


class Schedule:
    """Earliest due first; among clients for whom something is due, each in turn.

    A step is due at the moment somebody waits for (Liu and Layland, 1973): a request's first audio when it comes; what
    follows of a stream when it will be heard, and of a whole answer sooner, since somebody waits for its end.
    The requests of one client are due one after the other, as if it had the engine to itself (virtual clocks, Zhang
    1990).

    Whoever asks for more than the engine makes is overdue soon, and then due times say only who came first. So a client
    is behind all that was due when its last turn ended: round robin (Nagle, RFC 970, 1985), with turns of a quantum of
    work instead of a packet (Shreedhar and Varghese, 1995). It follows that once a client's step is due

    - each other client goes before it for at most one turn, however much it has asked for, whether the engine is as
      fast as was thought or not; a turn ends with the batch that fills it;
    - nobody goes before it who comes later.

    So the wait is bounded by the number of clients, which the door bounds, and nobody starves.
    """

    def __init__(self, engine: Engine, rate: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` is how many seconds of audio the engine makes in a second."""
        self._engine = engine
        self._rate = rate
        self._clock = clock
        self._jobs: dict[Job, None] = {}
        self._clients: dict[str, Client] = {}

    @property
    def depth(self) -> int:
        """Jobs that wait for their turn."""
        return sum(job.waiting for job in self._jobs)

    @property
    def audio_seconds(self) -> float:
        """Of audio that is still to be made."""
        return sum(job.seconds for job in self._jobs)

    def add(self, job: Job) -> None:
        """Takes ``job`` in, behind what its client has asked for already and is still to be made."""
        now, rate = self._clock(), self._rate()
        client = self._clients.setdefault(job.client, Client())
        inside = sum(each.seconds for each in client.jobs)
        job.start = max(now, min(client.busy_until, now + inside / rate))
        client.busy_until = job.start + job.seconds / rate
        client.jobs[job] = self._jobs[job] = None
        job.settle(time.perf_counter_ns())

    def remove(self, job: Job) -> None:
        """Forgets ``job``; what runs of it ends, and is dropped. Its client's later requests are due sooner by what was
        not made of it. Removing it again is allowed."""
        job.closed = True
        if job not in self._jobs:
            return
        del self._jobs[job]
        client = self._clients[job.client]
        del client.jobs[job]
        if not client.jobs:
            del self._clients[job.client]
            return
        now, unspent = self._clock(), job.seconds / self._rate()
        client.busy_until -= unspent
        for other in client.jobs:
            if other.start > max(now, job.start):
                other.start = max(now, other.start - unspent)

    def next(self) -> Batch | None:
        """Takes what is next, with others of its kind as far as the engine likes; None if there is nothing."""
        first = min((job.first for job in self._jobs if job.first), key=self._order, default=None)
        if first is None:
            return None
        most = 1 if first.alone else self._engine.most(first.step)
        tasks = [first] if most == 1 else self._like(first, most)
        now, nanos = self._clock(), time.perf_counter_ns()
        for task in tasks:
            task.job.take(task, nanos)
            self._serve(task, now)
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
                self.remove(task.job)
                task.job.fail(error)

    def fail_all(self, error: Exception) -> None:
        """Nothing will be made any more."""
        for job in list(self._jobs):
            self.remove(job)
            job.fail(error)

    def _order(self, task: Task) -> tuple[float, float]:
        """By which tasks are taken, the lowest first."""
        return max(task.due, self._clients[task.job.client].turn), task.due

    def _serve(self, task: Task, now: float) -> None:
        """Counts what ``task`` makes to its client's turn. The steps before a decode, a small part of the work, count
        with the audio that they become: several newcomers are heard one by one, not all when the last is ready."""
        if isinstance(task.step, Decode):
            client = self._clients[task.job.client]
            client.served += task.step.seconds
            if client.served >= TURN_SECONDS:
                client.served, client.turn = 0.0, now

    def _like(self, first: Task, most: int) -> list[Task]:
        """``first`` and what may be taken with it: one of each client, then a second of each, and so on."""
        bucket = self._engine.bucket(first.step)
        tasks = [
            task
            for job in self._jobs
            for task in islice(job.tasks(), most)
            if not task.alone and self._engine.bucket(task.step) == bucket
        ]
        of_client: defaultdict[str, list[Task]] = defaultdict(list)
        for task in sorted(tasks, key=self._order):
            of_client[task.job.client].append(task)
        shared = chain.from_iterable(zip_longest(*of_client.values()))
        return list(islice((task for task in shared if task is not None), most))

    def _after(self, job: Job) -> None:
        job.settle(time.perf_counter_ns())
        if job.finished:
            self.remove(job)
