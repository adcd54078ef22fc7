"""What the engine does next. Rules first, each by example; then any order of events, by hypothesis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from otel.contract.values import Stage
from server.scheduling.audio_queue import AudioPiece
from server.scheduling.engine import Decode, Sentence
from server.scheduling.job import AHEAD_SECONDS, Job, ReadyStep
from server.scheduling.schedule import TURN_SECONDS, Batch
from server.scheduling.windows import WINDOW
from tests.counting_engine import FRAME_SECONDS, RATE, Broken, CountingEngine, Floor, paused, sentence, spoken
from tests.examples import examples

PAUSE = 0.05
FIRST_AUDIO = 3
"""Steps from a text to the first that is heard of it: it is encoded, refined and decoded."""

LONGEST_WINDOW = 1.5 * WINDOW * FRAME_SECONDS
LONGEST_TURN = TURN_SECONDS + LONGEST_WINDOW
"""Seconds of audio; by one window at a time."""


class Request:
    """A job and what its reader has of it; ``numbers`` are spent on its sentences."""

    def __init__(self, floor: Floor, number: int, *frames: int, streamed: bool = False, client: str = "") -> None:
        self.sentences = [sentence(number + offset, length) for offset, length in enumerate(frames)]
        self.streamed = streamed
        self.pieces: list[AudioPiece] = []
        seconds = [length * FRAME_SECONDS for length in frames]
        sentences = paused(self.sentences, PAUSE)
        self.job = Job(sentences, seconds, RATE, streamed=streamed, client=client or str(number), origin=number)
        floor.schedule.add(self.job)

    @property
    def inside(self) -> bool:
        return not (self.job.finished or self.job.closed)

    def fetch(self) -> AudioPiece | None:
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
    return [task.job for task in batch.steps] if batch else []


def decoded(task: ReadyStep) -> float:
    """Seconds of audio that it makes."""
    return task.step.seconds if isinstance(task.step, Decode) else 0.0


def spend(floor: Floor, batch: Batch | None, rate: float) -> None:
    """Lets as much time pass as ``batch`` takes when so many seconds of audio are made in a second."""
    floor.now += sum(decoded(task) for task in batch.steps) / rate if batch else 0.0


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


@pytest.mark.parametrize("places", [2, 8, 32])
def test_who_is_overdue_waits_for_one_turn_of_each_other_whoever_takes_the_places(places: int) -> None:
    """The engine makes one step a second, and a new client is there as soon as another leaves, for ever."""
    floor = Floor()
    old = Request(floor, 0, 900, 900)
    new: list[Request] = []
    came = waited = turns = 0
    while not old.job.finished:
        new = [request for request in new if not request.job.finished]
        while len(new) < places - 1:
            came += 1
            new.append(Request(floor, 10 * came, 100))
        floor.now += 1
        batch = floor.step()
        waited = 0 if jobs(batch) == [old.job] else waited + 1
        turns += jobs(batch) == [old.job] and isinstance(batch.steps[0].step, Decode) if batch else 0
        assert waited <= FIRST_AUDIO * (places - 1), "somebody had two turns"
    assert turns <= 18 / TURN_SECONDS
    assert floor.now - 1000 <= places * (FIRST_AUDIO * turns + 1)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("clients", [1, 4, 16])
@pytest.mark.parametrize("pace", [0.2, 1.0, 5.0])
def test_a_newcomer_waits_for_one_turn_of_each_client_that_floods(clients: int, streamed: bool, pace: float) -> None:
    """And for the step that runs; however long they have been at it, and whatever pace the schedule believes in."""
    for steps in (0, 1, 7, 50, 180):
        floor = Floor(rate=4.0)
        for number in range(20 * clients):
            Request(floor, number * 10, 700, 700, streamed=streamed, client=f"flood {number % clients}")
        for _ in range(steps):
            spend(floor, floor.step(), 4.0 * pace)
        running = floor.begin()
        newcomer = Request(floor, 10_000, 100, client="newcomer")
        assert running
        spend(floor, running, 4.0 * pace)
        floor.end(running)
        others: list[ReadyStep] = []
        while newcomer.fetch() is None:
            batch = floor.step()
            assert batch
            others += [task for task in batch.steps if task.job is not newcomer.job]
            spend(floor, batch, 4.0 * pace)
        assert sum(map(decoded, others)) <= clients * LONGEST_TURN
        assert len(others) <= clients * FIRST_AUDIO or streamed, "a stream's first windows are short"


def test_clients_get_the_same_whatever_the_number_and_the_length_of_their_requests() -> None:
    """For ten minutes of audio; what they are given in a turn differs by less than a window."""
    floor = Floor(rate=4.0)
    inside: dict[str, list[Request]] = {"one": [], "five": [], "many": [], "short": []}
    sizes = {"one": (1, 900), "five": (5, 700), "many": (50, 500), "short": (20, 60)}
    made = Counter[str]()
    number = 0
    while made.total() < 600:
        for client, (most, frames) in sizes.items():
            inside[client] = [request for request in inside[client] if not request.job.finished]
            while len(inside[client]) < most:
                number += 1
                inside[client].append(Request(floor, number, frames, client=client))
        batch = floor.step()
        assert batch
        for task in batch.steps:
            made[task.job.client] += decoded(task)
        spend(floor, batch, 2.0)
    assert max(made.values()) <= 1.3 * min(made.values())


def test_a_stream_that_is_due_is_late_by_one_turn_of_each_client_that_floods() -> None:
    """What the stream needs is less than its share of the engine."""
    floor = Floor(rate=4.0)
    for number in range(40):
        Request(floor, number * 10, 900, 900, client=f"flood {number % 2}")
    for _ in range(100):
        spend(floor, floor.step(), 4.0)
    stream = Request(floor, 10_000, *[900] * 4, streamed=True)
    while not stream.job.finished:
        batch = floor.step()
        assert batch
        assert batch.steps[0].job is not stream.job or floor.now - batch.steps[0].due < 2 * LONGEST_TURN / 4.0
        spend(floor, batch, 4.0)
        stream.fetch_all()


def test_a_client_that_asks_for_much_does_not_delay_the_request_of_another() -> None:
    """By what runs, and by the steps to the first audio of what is due at the same moment."""
    for steps in (0, 1, 7, 50, 333):
        floor = Floor()
        for number in range(100):
            Request(floor, number, 700, client="greedy")
        for _ in range(steps):
            spend(floor, floor.step(), 1.0)  # as fast as the schedule thinks
        modest = Request(floor, 1000, 700, client="modest")
        others = begun_until_heard(floor, modest)
        assert len(others) - FIRST_AUDIO <= FIRST_AUDIO


def test_requests_of_one_client_are_due_one_after_the_other() -> None:
    floor = Floor(rate=2.0)
    starts = [Request(floor, number, 400, client="one").job.start - floor.now for number in range(3)]
    assert starts == pytest.approx([0, 2, 4], abs=0.001)
    assert Request(floor, 10, 400, client="another").job.start == floor.now
    floor.now += 100
    assert Request(floor, 20, 400, client="one").job.start == floor.now


def test_who_was_served_sooner_than_thought_owes_nothing() -> None:
    floor = Floor(rate=2.0)
    first, *_ = [Request(floor, number, 400, client="one") for number in range(3)]
    while not first.job.finished:
        floor.step()
    assert Request(floor, 10, 400, client="one").job.start - floor.now == pytest.approx(4, abs=0.001)
    floor.work()
    assert Request(floor, 20, 400, client="one").job.start == floor.now


def test_what_was_not_made_of_a_removed_request_is_refunded_to_its_client() -> None:
    """To those that wait behind it, and to those that come: but nobody is due before now for that."""
    floor = Floor(rate=2.0)
    first, second, third, fourth = (Request(floor, number, 400, client="one").job for number in range(4))
    another = [Request(floor, 10 + number, 400, client="another").job.start for number in range(2)]
    floor.schedule.remove(second)
    floor.schedule.remove(second)
    starts = [job.start - floor.now for job in (first, third, fourth)]
    assert starts == pytest.approx([0, 2, 4], abs=0.001)
    assert Request(floor, 20, 400, client="one").job.start - floor.now == pytest.approx(6, abs=0.001)
    floor.now += 1
    floor.schedule.remove(first)
    assert third.start == pytest.approx(floor.now, abs=0.001)
    assert fourth.start - floor.now == pytest.approx(1, abs=0.001)
    assert Request(floor, 30, 400, client="another").job.start - another[1] == pytest.approx(2, abs=0.001)


def test_a_refund_counts_from_when_it_was_owed_even_if_nothing_was_made_since() -> None:
    floor = Floor(rate=2.0)
    Request(floor, 0, 400, client="one")
    given_up = Request(floor, 1, 400, client="one")
    floor.now += 1.5
    floor.schedule.remove(given_up.job)
    assert Request(floor, 2, 400, client="one").job.start - floor.now == pytest.approx(0.5, abs=0.001)


def test_what_was_made_of_a_removed_request_is_not_refunded() -> None:
    floor = Floor(rate=2.0)
    first, second = (Request(floor, number, 3 * WINDOW, client="one") for number in range(2))
    start = second.job.start
    for _ in range(FIRST_AUDIO):
        floor.step()
    floor.schedule.remove(first.job)
    assert start - second.job.start == pytest.approx(2 * WINDOW * FRAME_SECONDS / 2.0)


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


def test_a_batch_is_shared_among_the_clients_that_wait() -> None:
    floor = Floor(CountingEngine(most=4, bucket_frames=10_000))
    greedy = [Request(floor, number, 100, client="greedy") for number in range(10)]
    modest = [Request(floor, 100 + number, 100) for number in range(2)]
    floor.now += 100
    assert jobs(floor.begin()) == [request.job for request in (greedy[0], *modest, greedy[1])]
    assert jobs(floor.begin()) == [request.job for request in greedy[2:6]]


def test_a_batch_tells_its_padding_and_who_was_in_it() -> None:
    floor = Floor(CountingEngine(most=2))
    requests = [Request(floor, number, frames) for number, frames in enumerate((100, 75))]
    batch = floor.begin()
    assert batch
    assert batch.padding == pytest.approx(25 / 200)
    floor.end(batch)
    floor.work()
    for request, peer in zip(requests, (1, 0), strict=True):
        request.fetch_all()
        encoded = next(each for each in request.pieces[0].intervals if each.stage is Stage.INFER)
        assert encoded.peers
        assert encoded.peers.origins == (peer,)
        assert encoded.peers.padding == batch.padding
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


@dataclass
class Wait:
    """Of a client for whom something is due."""

    since: float
    others: Counter[str] = field(default_factory=Counter)
    """Seconds of audio that each other made meanwhile."""


class AnyOrder(RuleBasedStateMachine):
    """Requests of all kinds come, steps end in any order, readers read or don't, some leave, some batches fail."""

    @initialize(most=st.integers(1, 4), bucket_frames=st.sampled_from([16, 64, 10_000]), slots=st.integers(1, 4))
    def open(self, most: int, bucket_frames: int, slots: int) -> None:
        self.engine = CountingEngine(most, bucket_frames)
        self.floor = Floor(self.engine)
        self.slots = slots
        self.requests: list[Request] = []
        self.left: list[Request] = []
        self.guilty: set[Request] = set()
        self.begun: set[tuple[Job, Sentence, str, int]] = set()
        self.seconds: Counter[Job] = Counter()
        self.came: dict[str, float] = {}
        self.waits: dict[str, Wait] = {}

    @rule(
        frames=st.lists(st.integers(1, 700), min_size=1, max_size=3),
        streamed=st.booleans(),
        client=st.sampled_from(["a", "b", "c", ""]),
        broken=st.sampled_from([None] * 9 + [0]),
    )
    def ask(self, frames: list[int], streamed: bool, client: str, broken: int | None) -> None:
        number = 10 * (len(self.requests) + len(self.left))
        request = Request(self.floor, number, *frames, streamed=streamed, client=client)
        if not any(other.job.client == request.job.client for other in self.requests if other.inside):
            self.came[request.job.client] = self.floor.now
        self.requests.append(request)
        if broken is not None:
            self.engine.broken.add(request.sentences[-1])
            self.guilty.add(request)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.floor.now += seconds

    @precondition(lambda self: len(self.floor.running) < self.slots)
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
        """Everybody reads on and the slots work until there is nothing to do: then each job has ended as it should."""
        if not hasattr(self, "floor"):
            return
        idle = False
        while not idle:
            while self.floor.running:
                self.floor.end(self.floor.running[-1])
            pieces = [request.fetch() for request in self.requests]
            while len(self.floor.running) < self.slots and self._begin():
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
        offered = [task for request in self.requests for task in request.job.ready_steps()]
        for request in self.requests:  # what is cached of a job is what it would say
            cached, fresh = request.job.next_step, next(request.job.ready_steps(), None)
            assert (cached and (cached.step, cached.due, cached.window)) == (
                fresh and (fresh.step, fresh.due, fresh.window)
            )
        now = self.floor.now
        batch = self.floor.begin()
        assert (batch is None) == (not offered)
        if batch is None:
            return False
        self._is_one_batch(batch)
        self._nobody_starves(offered, batch, now)
        for task in batch.steps:
            assert not task.job.closed
            self._is_new(task)
        for request in self.requests:
            ahead = self.seconds[request.job] - len(request.heard) / RATE
            assert not request.streamed or ahead < AHEAD_SECONDS + 1.5 * WINDOW * FRAME_SECONDS
        return True

    def _nobody_starves(self, offered: list[ReadyStep], batch: Batch, now: float) -> None:
        dues: dict[str, float] = {}
        for task in offered:
            dues[task.job.client] = min(task.due, dues.get(task.job.client, task.due))
        first = batch.steps[0]
        assert first.due == dues[first.job.client], "the steps of a client go by their due times"
        assert first.due <= now or min(dues.values()) > now, "what is due goes before what is not"
        waits = {}
        for client, due in dues.items():
            wait = self.waits.get(client)
            if due < now:
                waits[client] = wait if wait and due < wait.since else Wait(now)
        for client in {task.job.client for task in batch.steps} & waits.keys():
            del waits[client]
        for wait in waits.values():
            assert self.came[first.job.client] <= wait.since, "nobody goes before it who comes later"
            assert wait.others[first.job.client] < TURN_SECONDS, "each other has one turn before it"
            for task in batch.steps:
                wait.others[task.job.client] += decoded(task)
        self.waits = waits

    def _is_one_batch(self, batch: Batch) -> None:
        assert 1 <= len(batch.steps) <= self.engine.max_batch(batch.steps[0].step)
        assert len({self.engine.bucket(task.step) for task in batch.steps}) == 1
        assert len(batch.steps) == 1 or not any(task.retry for task in batch.steps)
        assert 0 <= batch.padding < 1

    def _is_new(self, task: ReadyStep) -> None:
        """Nothing is begun twice, but for what was in a batch that failed."""
        start = getattr(task.step, "start", 0)
        key = (task.job, task.work.sentence, type(task.step).__name__, start)
        assert (key in self.begun) == task.retry
        self.begun.add(key)
        if isinstance(task.step, Decode) and not task.retry:
            self.seconds[task.job] += (task.step.stop - task.step.start) * FRAME_SECONDS


AnyOrder.TestCase.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyOrder = AnyOrder.TestCase
