"""The scheduler: chooses the step with the earliest deadline, and others of its kind for its batch."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

from otel.contract.values import Device, Stage
from server.scheduling.engine import Decode, Engine, StepResult
from server.scheduling.job import Job, ReadyStep
from server.utterance import BatchPeers, Interval

TURN_SECONDS = 1.0
"""Seconds of audio in a client's turn, after which the other clients have theirs. Nearly every window is longer, so a
turn is one window, or several short ones."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps of one kind that the engine runs together."""

    steps: tuple[ReadyStep, ...]
    padding: float
    """The share of the work that only pads the shorter steps, 0 to 1."""

    @property
    def stage(self) -> Stage:
        return Stage.DECODE if isinstance(self.steps[0].step, Decode) else Stage.INFER


@dataclass(slots=True, eq=False)
class Client:
    """A client with unfinished requests. It is removed with the last of them."""

    jobs: dict[Job, None] = field(default_factory=dict)
    busy_until: float = 0.0
    """When all its requests would be finished if it had the engine alone, in seconds of the schedule's clock."""
    turn_end: float = 0.0
    """When its last turn ended, in seconds of the schedule's clock."""
    turn_seconds: float = 0.0
    """Seconds of audio in its current turn."""


class Schedule:
    """Runs the step with the earliest deadline first; clients with overdue steps take turns.

    The deadline of a step is when its result is needed (earliest deadline first, Liu and Layland, 1973): a request's
    first audio when the request arrives, the rest of a stream when it will be played, and the rest of a whole answer
    sooner, since its client waits for the end. The deadlines of one client's requests follow one another, as if it had
    the engine to itself (virtual clocks, Zhang, 1990).

    A client that requests more than the engine can make is soon overdue, and then deadlines only tell which client came
    first. So a client's steps run after everything that was due when its last turn ended: round robin (Nagle, RFC 970,
    1985), with turns of a quantum of work instead of a packet (Shreedhar and Varghese, 1995). Therefore, once a
    client's step is due,

    - each other client is served before it for at most one turn, however much that client has requested and however
      fast the engine is; a turn ends with the batch that fills it;
    - no client that arrives later is served before it.

    So the wait is bounded by the number of clients, which admission limits, and no client starves.
    """

    def __init__(self, engine: Engine, rate: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` returns the engine's throughput in seconds of audio per second."""
        self._engine = engine
        self._rate = rate
        self._clock = clock
        self._jobs: dict[Job, None] = {}
        self._clients: dict[str, Client] = {}

    @property
    def depth(self) -> int:
        """The number of waiting jobs."""
        return sum(job.waiting for job in self._jobs)

    @property
    def audio_seconds(self) -> float:
        """The pending audio of all jobs, in seconds."""
        return sum(job.seconds for job in self._jobs)

    def add(self, job: Job) -> None:
        """Adds ``job``, due after the client's unfinished requests."""
        current_time, rate = self._clock(), self._rate()
        client = self._clients.setdefault(job.client, Client())
        unfinished = sum(each.seconds for each in client.jobs)
        job.start = max(current_time, min(client.busy_until, current_time + unfinished / rate))
        client.busy_until = job.start + job.seconds / rate
        client.jobs[job] = self._jobs[job] = None
        job.update_wait(time.perf_counter_ns())

    def remove(self, job: Job) -> None:
        """Removes ``job``; its running steps end, and their results are dropped. The deadlines of the client's later
        requests move forward by the time that its remaining audio would have taken. Removing it again is allowed."""
        job.closed = True
        if job not in self._jobs:
            return
        del self._jobs[job]
        client = self._clients[job.client]
        del client.jobs[job]
        if not client.jobs:
            del self._clients[job.client]
            return
        current_time, unspent = self._clock(), job.seconds / self._rate()
        client.busy_until -= unspent
        for other in client.jobs:
            if other.start > max(current_time, job.start):
                other.start = max(current_time, other.start - unspent)

    def next(self) -> Batch | None:
        """Begins and returns the next batch: the most urgent step and others of its kind. None if nothing is ready."""
        first = min((job.next_step for job in self._jobs if job.next_step), key=self._order, default=None)
        if first is None:
            return None
        limit = 1 if first.retry else self._engine.max_batch(first.step)
        steps = [first] if limit == 1 else self._batch_with(first, limit)
        current_time, nanos = self._clock(), time.perf_counter_ns()
        for ready in steps:
            ready.job.begin(ready, nanos)
            self._charge(ready, current_time)
        sizes = [self._engine.size(ready.step) for ready in steps]
        return Batch(tuple(steps), 1.0 - sum(sizes) / (max(sizes) * len(sizes)))

    def complete(
        self,
        batch: Batch,
        results: Sequence[StepResult],
        start: int,
        end: int,
        *,
        device: Device = Device.CPU,
        units: float = 1.0,
    ) -> None:
        """Gives each job its result of ``batch``, which ran from ``start`` to ``end``, in ``time.perf_counter_ns``, on
        so many ``units`` of ``device``."""
        origins = [ready.job.origin for ready in batch.steps]
        for number, (ready, result) in enumerate(zip(batch.steps, results, strict=True)):
            peer_origins = tuple(origin for index, origin in enumerate(origins) if index != number)
            peers = BatchPeers(peer_origins, batch.padding) if peer_origins else None
            ready.job.complete(ready, result, Interval(batch.stage, start, end, peers, device=device, units=units))
            self._update(ready.job)

    def fail(self, batch: Batch, error: Exception) -> None:
        """Handles the failure of ``batch``: a single step fails its job; several steps are retried one by one."""
        for ready in batch.steps:
            if len(batch.steps) > 1:
                ready.job.retry(ready)
                self._update(ready.job)
            else:
                self.remove(ready.job)
                ready.job.fail(error)

    def fail_all(self, error: Exception) -> None:
        """Fails every job with ``error``."""
        for job in list(self._jobs):
            self.remove(job)
            job.fail(error)

    def _order(self, ready: ReadyStep) -> tuple[float, float]:
        """Returns the sort key of a step: the lowest runs next."""
        return max(ready.due, self._clients[ready.job.client].turn_end), ready.due

    def _charge(self, ready: ReadyStep, current_time: float) -> None:
        """Adds the audio of a Decode to its client's turn. The steps before a Decode are a small part of the work and
        are charged with their audio, so several new clients get their first audio one by one, not all when the last is
        ready."""
        if isinstance(ready.step, Decode):
            client = self._clients[ready.job.client]
            client.turn_seconds += ready.step.seconds
            if client.turn_seconds >= TURN_SECONDS:
                client.turn_seconds, client.turn_end = 0.0, current_time

    def _batch_with(self, first: ReadyStep, limit: int) -> list[ReadyStep]:
        """Returns ``first`` and steps that may join its batch: one per client, then a second per client, and so on."""
        bucket = self._engine.bucket(first.step)
        peers = [
            ready
            for job in self._jobs
            for ready in islice(job.ready_steps(), limit)
            if not ready.retry and self._engine.bucket(ready.step) == bucket
        ]
        by_client: defaultdict[str, list[ReadyStep]] = defaultdict(list)
        for ready in sorted(peers, key=self._order):
            by_client[ready.job.client].append(ready)
        in_turn = chain.from_iterable(zip_longest(*by_client.values()))
        return list(islice((ready for ready in in_turn if ready is not None), limit))

    def _update(self, job: Job) -> None:
        job.update_wait(time.perf_counter_ns())
        if job.finished:
            self.remove(job)
