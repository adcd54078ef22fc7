"""Every transition of the breaker by example; then any order of events, by hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.synthesis.fallback.breaker import FIRST_COOL_DOWN, LONGEST_COOL_DOWN, Breaker, BreakerState
from tests.examples import examples
from tests.fake_clock import Clock


def recorded(clock: Clock, *results: bool) -> Breaker:
    """A breaker after calls that ended so."""
    breaker = Breaker(clock)
    for ok in results:
        breaker.record(ok, breaker.epoch)
    return breaker


def broken(clock: Clock, *results: bool) -> Breaker:
    """The same when its provider, once suspected, fails the check."""
    breaker = Breaker(clock)
    for ok in results:
        if breaker.record(ok, breaker.epoch):
            breaker.trip()
    return breaker


def half_open(clock: Clock) -> Breaker:
    breaker = broken(clock, False, False, False)
    clock.now += FIRST_COOL_DOWN
    breaker.begin_probe()
    return breaker


def test_a_new_one_is_closed() -> None:
    breaker = Breaker(Clock())
    assert breaker.closed
    assert not breaker.probe_due


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("xx", BreakerState.CLOSED),
        ("xxx", BreakerState.OPEN),
        ("x.x.x", BreakerState.OPEN),
        (".x.x.x", BreakerState.OPEN),
        ("x..x..x", BreakerState.CLOSED),
        ("x..x.x", BreakerState.OPEN),
        ("x....x.x", BreakerState.CLOSED),
        ("." * 100, BreakerState.CLOSED),
    ],
)
def test_three_failures_of_the_last_six_calls_open_it_if_the_check_fails(results: str, state: BreakerState) -> None:
    assert broken(Clock(), *(result == "." for result in results)).state is state


@pytest.mark.parametrize("results", ["xxx", "x.x.x", "x" * 100, "x." * 50])
def test_failures_alone_make_a_suspect_and_never_open_it(results: str) -> None:
    breaker = recorded(Clock(), *(result == "." for result in results))
    assert breaker.state is BreakerState.SUSPECTED
    assert breaker.closed, "a suspect still gets requests"
    assert not breaker.probe_due


def test_a_suspect_that_passes_the_check_begins_anew() -> None:
    breaker = recorded(Clock(), False, False, False)
    breaker.acquit()
    assert breaker.state is BreakerState.CLOSED
    assert [breaker.record(False, breaker.epoch) for _ in range(4)] == [False, False, True, False]


@pytest.mark.parametrize("breaker", [Breaker(Clock()), recorded(Clock(), False, False), broken(Clock(), *[False] * 3)])
def test_only_a_suspect_is_acquitted(breaker: Breaker) -> None:
    before = breaker.state
    breaker.acquit()
    assert breaker.state is before


def test_a_trip_opens_it_at_once() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.trip()
    assert breaker.state is BreakerState.OPEN
    clock.now += FIRST_COOL_DOWN
    assert breaker.probe_due


def test_a_probe_is_due_when_it_has_cooled_down_and_not_before() -> None:
    clock = Clock()
    breaker = broken(clock, False, False, False)
    clock.now += FIRST_COOL_DOWN - 0.01
    assert not breaker.probe_due
    with pytest.raises(RuntimeError, match="no probe is due"):
        breaker.begin_probe()
    clock.now += 0.02
    assert breaker.probe_due
    assert not breaker.closed, "time alone lets no request through"
    breaker.begin_probe()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.closed
    assert not breaker.probe_due, "one probe at a time"


def test_a_probe_that_succeeds_closes_it_and_all_is_forgotten() -> None:
    clock = Clock()
    breaker = half_open(clock)
    breaker.failed()
    clock.now += 2 * FIRST_COOL_DOWN
    breaker.begin_probe()
    breaker.succeeded()
    assert breaker.closed
    assert [breaker.record(False, breaker.epoch) for _ in range(3)] == [False, False, True]
    breaker.trip()
    assert not breaker.closed
    clock.now += FIRST_COOL_DOWN
    assert breaker.probe_due


def test_every_probe_that_fails_doubles_the_cool_down_up_to_a_minute() -> None:
    clock = Clock()
    breaker = half_open(clock)
    waits = []
    for _ in range(9):
        breaker.failed()
        assert breaker.state is BreakerState.OPEN
        waits.append(breaker.cool_down)
        clock.now += breaker.cool_down - 0.01
        assert not breaker.probe_due
        clock.now += 0.02
        breaker.begin_probe()
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]


@pytest.mark.parametrize("ok", [True, False])
def test_calls_that_began_before_it_opened_change_nothing_while_it_is_open(ok: bool) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    epoch = breaker.epoch
    breaker.trip()
    clock.now += 0.9 * FIRST_COOL_DOWN
    for _ in range(10):
        breaker.record(ok, epoch)
    breaker.trip()
    assert breaker.state is BreakerState.OPEN
    clock.now += 0.11 * FIRST_COOL_DOWN
    assert breaker.probe_due
    breaker.begin_probe()
    for _ in range(10):
        breaker.record(ok, epoch)
    breaker.trip()
    assert breaker.state is BreakerState.HALF_OPEN
    breaker.failed()
    assert breaker.cool_down == 2 * FIRST_COOL_DOWN


def test_calls_that_began_before_it_opened_do_not_count_after_it_closed() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    hung = breaker.epoch
    breaker.trip()
    clock.now += FIRST_COOL_DOWN
    breaker.begin_probe()
    breaker.succeeded()
    for _ in range(10):
        breaker.record(False, hung)
    assert breaker.closed
    breaker.record(False, breaker.epoch)
    breaker.record(False, breaker.epoch)
    assert breaker.closed


@pytest.mark.parametrize("end", [Breaker.succeeded, Breaker.failed])
def test_only_a_probe_that_was_begun_can_end(end) -> None:
    clock = Clock()
    for breaker in (Breaker(clock), broken(clock, False, False, False)):
        with pytest.raises(RuntimeError, match="no probe is under way"):
            end(breaker)


class AnyOrder(RuleBasedStateMachine):
    """Requests that begin, end late, or overlap; probes; and time, in any order."""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock)
        self.under_way: list[int] = []
        self.opened_at: float | None = None
        self.last_cool_down = 0.0

    def _note(self) -> None:
        """Keeps the model's account of the opening: when, and that each probe of it waits no shorter than the last."""
        if self.breaker.closed:
            self.opened_at, self.last_cool_down = None, 0.0
        elif self.opened_at is None:
            self.opened_at = self.clock.now

    @rule(seconds=st.floats(0, 90))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.breaker.closed)
    @rule()
    def a_request_begins(self) -> None:
        self.under_way.append(self.breaker.epoch)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), ok=st.booleans())
    def a_request_ends(self, data: st.DataObject, ok: bool) -> None:
        epoch = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.breaker.state, self.breaker.epoch, self.breaker.cool_down, self.breaker.probe_due
        closed = self.breaker.closed
        suspected = self.breaker.record(ok, epoch)
        after = self.breaker.state, self.breaker.epoch, self.breaker.cool_down, self.breaker.probe_due
        assert self.breaker.closed is closed, "requests alone open and close nothing"
        if before[0] is not BreakerState.CLOSED or epoch != before[1] or not suspected:
            assert after == before
        assert suspected == (before[0] is BreakerState.CLOSED and after[0] is BreakerState.SUSPECTED)
        self._note()

    @precondition(lambda self: self.breaker.state is BreakerState.SUSPECTED)
    @rule(ok=st.booleans())
    def a_suspect_is_checked(self, ok: bool) -> None:
        (self.breaker.acquit if ok else self.breaker.trip)()
        assert self.breaker.closed is ok
        self._note()

    @rule()
    def it_is_tripped(self) -> None:
        self.breaker.trip()
        assert not self.breaker.closed
        self._note()

    @precondition(lambda self: self.breaker.probe_due)
    @rule(ok=st.booleans())
    def a_probe(self, ok: bool) -> None:
        assert self.opened_at is not None
        assert self.clock.now - self.opened_at >= self.breaker.cool_down
        assert self.breaker.cool_down >= self.last_cool_down
        if self.last_cool_down:
            assert self.breaker.cool_down == min(2 * self.last_cool_down, LONGEST_COOL_DOWN)
        else:
            assert self.breaker.cool_down == FIRST_COOL_DOWN
        self.last_cool_down = self.breaker.cool_down
        self.breaker.begin_probe()
        assert not self.breaker.closed
        if ok:
            self.breaker.succeeded()
        else:
            self.breaker.failed()
            self.opened_at = self.clock.now
        assert self.breaker.closed is ok
        self._note()

    @invariant()
    def a_minute_is_the_longest_wait(self) -> None:
        assert FIRST_COOL_DOWN <= self.breaker.cool_down <= LONGEST_COOL_DOWN
        if self.breaker.state is BreakerState.OPEN and self.clock.now - self.opened_at >= LONGEST_COOL_DOWN:
            assert self.breaker.probe_due

    @invariant()
    def one_state_at_a_time_lets_something_through(self) -> None:
        assert self.breaker.closed + self.breaker.probe_due <= 1


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=examples(100), stateful_step_count=50, deadline=None)
