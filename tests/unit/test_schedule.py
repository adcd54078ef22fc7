"""What the engine does next. Rules first, each by example; then any order of events, by hypothesis."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from server.scheduling.job import AHEAD_SECONDS, Job, Piece, Task
from server.scheduling.plan import WINDOW
from server.scheduling.schedule import Batch
from server.scheduling.steps import Decode, Sentence
from server.speech import Stage
from tests.engines import FRAME_SECONDS, RATE, Broken, CountingEngine, Floor, sentence, spoken

PAUSE = 0.05
FIRST_AUDIO = 3
"""Steps from a text to the first that is heard of it: it is encoded, refined and decoded."""


class Request:
    """A job and what its reader has of it; ``numbers`` are spent on its sentences."""

    def __init__(self, floor: Floor, number: int, *frames: int, streamed: bool = False, client: str = "") -> None:
        self.sentences = [sentence(number + offset, length) for offset, length in enumerate(frames)]
        self.streamed = streamed
        self.pieces: list[Piece] = []
        seconds = [length * FRAME_SECONDS for length in frames]
        self.job = Job(
            self.sentences, seconds, RATE, pause=PAUSE, streamed=streamed, client=client or str(number), origin=number
        )
        floor.schedule.add(self.job)

    def fetch(self) -> Piece | None:
        piece = self.job.fetch()
        if piece is not None:
            self.pieces.append(piece)
        return piece

    def fetch_all(self) -> list[float]:
        while self.fetch() is not None:
            pass
        return self.heard

    @property
    def heard(self) -> list[float]:
        return np.concatenate([np.zeros(0), *(piece.samples for piece in self.pieces)]).tolist()

    @property
    def text(self) -> list[float]:
        """What is to be heard in the end."""
        silence = [0.0] * round(PAUSE * RATE)
        joined = [sample for each in self.sentences for sample in [*spoken(each).tolist(), *silence]]
        return joined[: -len(silence)]


def jobs(batch: Batch | None) -> list[Job]:
    return [task.job for task in batch.tasks] if batch else []


def begun_until_heard(floor: Floor, request: Request) -> list[Job]:
    """Whose steps are taken, one at a time, until there is something of ``request`` to hear."""
    taken: list[Job] = []
    while request.fetch() is None:
        batch = floor.step()
        assert batch is not None
        taken += jobs(batch)
    return taken


def test_there_is_nothing_to_do_without_a_job() -> None:
    assert Floor().begin() is None


def test_a_waiting_request_is_heard_before_the_running_ones_go_on() -> None:
    floor = Floor()
    running = [Request(floor, number * 10, 600, 300, streamed=bool(number % 2)) for number in range(4)]
    for _ in range(25):
        floor.step()
    late = Request(floor, 100, 600)
    assert begun_until_heard(floor, late) == [late.job] * FIRST_AUDIO
    floor.work()
    for request in (*running, late):
        assert request.fetch_all() == request.text


def test_what_is_overdue_goes_before_what_has_just_come() -> None:
    """Or whoever comes last is served first, and the first never."""
    floor = Floor()
    first = Request(floor, 0, 600, streamed=True)
    for _ in range(FIRST_AUDIO):
        floor.step()
    floor.now += 60
    Request(floor, 10, 600)
    assert jobs(floor.step()) == [first.job]


def test_a_flood_delays_a_request_by_no_more_than_what_came_before_its_audio_was_due() -> None:
    """The engine makes one step a second, and three steps' worth of new clients come every second, for ever."""
    floor = Floor()
    old = Request(floor, 0, 900, 900)
    came, others = 0, 0
    while not old.job.finished:
        floor.now += 1
        came += 1
        Request(floor, 10 + came, 100)
        batch = floor.step()
        others += old.job not in jobs(batch)
        assert floor.now < 1100, "the old request starves"
    last_due = 18 * 0.25  # seconds of audio, and a quarter of that for a whole answer
    assert others <= FIRST_AUDIO * (last_due + 1)


def test_a_client_that_asks_for_much_does_not_delay_the_request_of_another() -> None:
    """By what runs, and by the steps to the first audio of what is due at the same moment."""
    for steps in (0, 1, 7, 50, 333):
        floor = Floor()
        for number in range(100):
            Request(floor, number, 700, client="greedy")
        for _ in range(steps):
            batch = floor.step()
            made = [task.step for task in batch.tasks if isinstance(task.step, Decode)] if batch else []
            floor.now += sum(step.stop - step.start for step in made) * FRAME_SECONDS  # as fast as the schedule thinks
        modest = Request(floor, 1000, 700, client="modest")
        others = begun_until_heard(floor, modest)
        assert len(others) - FIRST_AUDIO <= FIRST_AUDIO


def test_requests_of_one_client_are_due_one_after_the_other() -> None:
    floor = Floor(rate=2.0)
    starts = [Request(floor, number, 400, client="one").job.start - floor.now for number in range(3)]
    assert starts == pytest.approx([0, 2, 4])
    assert Request(floor, 10, 400, client="another").job.start == floor.now
    floor.now += 100
    assert Request(floor, 20, 400, client="one").job.start == floor.now


def test_a_stream_that_nobody_reads_makes_room_and_goes_on_when_it_is_read() -> None:
    floor = Floor()
    slow = Request(floor, 0, *[900] * 5, streamed=True)
    floor.work()
    other = Request(floor, 10, 900)
    floor.work()
    assert other.fetch_all() == other.text
    assert floor.begin() is None
    while slow.fetch() is not None:
        floor.work()
    assert slow.heard == slow.text


def test_what_is_queued_of_a_removed_job_is_gone_at_once_and_what_runs_is_dropped() -> None:
    floor = Floor()
    leaver, other = Request(floor, 0, 300, 300), Request(floor, 10, 300)
    running = floor.begin()
    assert running
    assert jobs(running) == [leaver.job]
    floor.schedule.remove(leaver.job)
    floor.schedule.remove(leaver.job)
    assert floor.schedule.audio_seconds == pytest.approx(3.0)
    assert jobs(floor.begin()) == [other.job]
    assert floor.begin() is None
    floor.end(running)
    assert floor.begin() is None
    floor.work()
    assert leaver.fetch() is None
    assert other.fetch_all() == other.text


def test_steps_of_one_length_are_taken_together_and_others_are_not() -> None:
    floor = Floor(CountingEngine(most=3, bucket_frames=64))
    alike = [Request(floor, number, 100 + number) for number in range(4)]
    other = Request(floor, 10, 300)
    assert jobs(floor.begin()) == [request.job for request in alike[:3]]
    assert jobs(floor.begin()) == [alike[3].job]
    assert jobs(floor.begin()) == [other.job]


def test_a_batch_tells_its_padding_and_who_was_in_it() -> None:
    floor = Floor(CountingEngine(most=2))
    requests = [Request(floor, number, frames) for number, frames in enumerate((100, 75))]
    batch = floor.begin()
    assert batch
    assert batch.padding == pytest.approx(25 / 200)
    floor.end(batch)
    floor.work()
    for request, mate in zip(requests, (1, 0), strict=True):
        request.fetch_all()
        encoded = next(each for each in request.pieces[0].intervals if each.stage is Stage.INFER)
        assert encoded.mates
        assert encoded.mates.origins == (mate,)
        assert encoded.mates.padding == batch.padding
        assert encoded.batch_size == 2


def test_a_window_goes_with_others_of_its_length_before_those_in_front_of_it() -> None:
    """The last window of a sentence is longer than the ones before, and none is lost or made twice for that."""
    floor = Floor(CountingEngine(most=2, bucket_frames=16))
    long, short = Request(floor, 0, 2 * WINDOW + 50), Request(floor, 10, WINDOW + 50)
    floor.work()
    assert any(len(batch) == 2 for batch in floor.engine.batches if isinstance(batch[0], Decode))
    assert long.fetch_all() == long.text
    assert short.fetch_all() == short.text


def test_only_the_guilty_one_of_a_batch_that_fails_is_lost() -> None:
    engine = CountingEngine(most=4)
    floor = Floor(engine)
    requests = [Request(floor, number, 100) for number in range(4)]
    engine.broken.add(requests[2].sentences[0])
    floor.work()
    decoded = [len(batch) for batch in engine.batches if isinstance(batch[0], Decode)]
    assert decoded == [4, 1, 1, 1, 1]
    assert isinstance(requests[2].job.failure, Broken)
    for request in (requests[0], requests[1], requests[3]):
        assert request.job.failure is None
        assert request.fetch_all() == request.text


def test_who_was_in_a_batch_that_failed_is_nobodys_mate_at_the_next_try() -> None:
    engine = CountingEngine(most=4)
    floor = Floor(engine)
    requests = [Request(floor, number, 100) for number in range(2)]
    engine.broken.add(requests[1].sentences[0])
    for _ in range(FIRST_AUDIO):
        floor.step()
    floor.now -= 1
    early = Request(floor, 10, 100)
    for _ in range(FIRST_AUDIO - 1):
        floor.step()
    assert jobs(floor.step()) == [early.job]
    floor.work()
    assert requests[0].fetch_all() == requests[0].text


def test_the_depth_is_of_jobs_that_wait_and_the_seconds_are_of_audio_to_come() -> None:
    floor = Floor()
    Request(floor, 0, 100)
    Request(floor, 10, 300)
    assert (floor.schedule.depth, floor.schedule.audio_seconds) == (2, pytest.approx(4.0))
    batch = floor.begin()
    assert batch
    assert floor.schedule.depth == 1
    floor.end(batch)
    assert floor.schedule.depth == 2
    floor.work()
    assert (floor.schedule.depth, floor.schedule.audio_seconds) == (0, 0)


def test_when_nothing_more_can_be_made_every_job_learns_it() -> None:
    floor, error = Floor(), RuntimeError("the end")
    requests = [Request(floor, number, 300) for number in range(3)]
    running = floor.begin()
    floor.schedule.fail_all(error)
    assert all(request.job.failure is error for request in requests)
    assert floor.begin() is None
    assert running
    floor.end(running)
    assert floor.begin() is None


class AnyOrder(RuleBasedStateMachine):
    """Requests of all kinds come, steps end in any order, readers read or don't, some leave, some batches fail."""

    @initialize(most=st.integers(1, 4), bucket_frames=st.sampled_from([16, 64, 10_000]), lanes=st.integers(1, 4))
    def open(self, most: int, bucket_frames: int, lanes: int) -> None:
        self.engine = CountingEngine(most, bucket_frames)
        self.floor = Floor(self.engine)
        self.lanes = lanes
        self.requests: list[Request] = []
        self.left: list[Request] = []
        self.guilty: set[Request] = set()
        self.begun: set[tuple[Job, Sentence, str, int]] = set()
        self.seconds: Counter[Job] = Counter()

    @rule(
        frames=st.lists(st.integers(1, 700), min_size=1, max_size=3),
        streamed=st.booleans(),
        client=st.sampled_from(["a", "b"]),
        broken=st.sampled_from([None] * 9 + [0]),
    )
    def ask(self, frames: list[int], streamed: bool, client: str, broken: int | None) -> None:
        number = 10 * (len(self.requests) + len(self.left))
        request = Request(self.floor, number, *frames, streamed=streamed, client=client)
        self.requests.append(request)
        if broken is not None:
            self.engine.broken.add(request.sentences[-1])
            self.guilty.add(request)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.floor.now += seconds

    @precondition(lambda self: len(self.floor.running) < self.lanes)
    @rule()
    def begin(self) -> None:
        self._begin()

    @precondition(lambda self: self.floor.running)
    @rule(which=st.integers(0, 3))
    def end(self, which: int) -> None:
        self.floor.end(self.floor.running[which % len(self.floor.running)])

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 9), pieces=st.integers(1, 5))
    def read(self, which: int, pieces: int) -> None:
        for _ in range(pieces):
            self.requests[which % len(self.requests)].fetch()

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        request = self.requests.pop(which % len(self.requests))
        self.floor.schedule.remove(request.job)
        self.left.append(request)

    def teardown(self) -> None:
        """Everybody reads on and the lanes work until there is nothing to do: then each job has ended as it should."""
        if not hasattr(self, "floor"):
            return
        idle = False
        while not idle:
            while self.floor.running:
                self.floor.end(self.floor.running[-1])
            pieces = [request.fetch() for request in self.requests]
            while len(self.floor.running) < self.lanes and self._begin():
                pass
            idle = not self.floor.running and not any(pieces)
        for request in self.requests:
            assert isinstance(request.job.failure, Broken) == (request in self.guilty)
            assert request.job.finished or request in self.guilty
            assert request.heard == request.text[: len(request.heard)]
            assert len(request.heard) == len(request.text) or request in self.guilty
            assert not request.job.waiting or request in self.guilty
        assert self.floor.schedule.depth == 0
        assert self.floor.schedule.audio_seconds == 0

    def _begin(self) -> bool:
        offered = [task for request in self.requests for task in request.job.tasks()]
        batch = self.floor.begin()
        assert (batch is None) == (not offered)
        if batch is None:
            return False
        self._is_one_batch(batch)
        assert batch.tasks[0].due == min(task.due for task in offered), "what is due first goes first"
        for task in batch.tasks:
            assert not task.job.closed
            self._is_new(task)
        for request in self.requests:
            ahead = self.seconds[request.job] - len(request.heard) / RATE
            assert not request.streamed or ahead < AHEAD_SECONDS + 1.5 * WINDOW * FRAME_SECONDS
        return True

    def _is_one_batch(self, batch: Batch) -> None:
        assert 1 <= len(batch.tasks) <= self.engine.most(batch.tasks[0].step)
        assert len({self.engine.bucket(task.step) for task in batch.tasks}) == 1
        assert len(batch.tasks) == 1 or not any(task.alone for task in batch.tasks)
        assert 0 <= batch.padding < 1

    def _is_new(self, task: Task) -> None:
        """Nothing is begun twice, but for what was in a batch that failed."""
        start = getattr(task.step, "start", 0)
        key = (task.job, task.part.sentence, type(task.step).__name__, start)
        assert (key in self.begun) == task.alone
        self.begun.add(key)
        if isinstance(task.step, Decode) and not task.alone:
            self.seconds[task.job] += (task.step.stop - task.step.start) * FRAME_SECONDS


AnyOrder.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyOrder = AnyOrder.TestCase
