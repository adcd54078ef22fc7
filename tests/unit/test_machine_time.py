"""The time of cores that batches take, and that batching saves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.scheduling.machine_time import MachineTime
from tests.examples import examples


def test_a_batch_alone_takes_its_threads() -> None:
    time = MachineTime(units=4)
    time.begin(0, 0, threads=3)
    assert time.end(0, 10, 110) == 3.0
    time.begin(0, 120, threads=9)
    assert time.end(0, 120, 130) == 4.0


def test_batches_share_the_cores_while_they_have_more_threads_than_there_are() -> None:
    time = MachineTime(units=2)
    time.begin(0, 0, threads=2)
    time.begin(1, 60, threads=1)
    first = time.end(0, 0, 100)  # alone for 60, then 2 of 3 threads on 2 cores for 40
    assert first == pytest.approx((60 * 2 + 40 * 4 / 3) / 100)
    second = time.end(1, 60, 160)  # 1 of 3 threads for 40, then a core of its own
    assert second == pytest.approx((40 * 2 / 3 + 60) / 100)
    assert first * 100 + second * 100 == pytest.approx(160 * 2 - 60)


def test_a_worker_runs_one_batch_at_a_time() -> None:
    time = MachineTime(units=1)
    time.begin(0, 0, threads=1)
    time.begin(0, 1, threads=1)
    assert time.end(0, 0, 100) == 1.0
    assert time.end(0, 101, 200) == 1.0
    time.begin(0, 200, threads=1)
    time.fail(0, 250)
    time.begin(0, 260, threads=1)
    assert time.end(0, 260, 270) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(1, 90), st.integers(1, 4)), max_size=30),
    st.integers(1, 4),
)
@settings(max_examples=examples(40))
def test_no_more_is_taken_than_there_is(batches: list[tuple[int, int, int, int]], units: int) -> None:
    time = MachineTime(units)
    free = [0, 0, 0]
    runs = []
    for worker, pause, length, threads in batches:
        start = free[worker] + pause
        free[worker] = start + length
        runs.append((worker, start, start + length, threads))
    moments = [(start, 1, run) for run in runs for start in (run[1],)] + [(run[2], 0, run) for run in runs]
    taken = 0.0
    for _, begins, (worker, start, end, threads) in sorted(moments):
        if begins:
            time.begin(worker, start, threads)
        else:
            taken += time.end(worker, start, end) * (end - start)
    edges = sorted({edge for run in runs for edge in run[1:3]})
    used = sum(
        (end - start) * min(units, sum(run[3] for run in runs if run[1] <= start and run[2] >= end))
        for start, end in pairwise(edges)
    )
    assert taken == pytest.approx(used)


def test_batches_save_what_their_steps_would_have_taken_alone() -> None:
    time = MachineTime(units=1)
    assert time.saved("decode", 4, 0.5) == 0.0
    assert time.saved("decode", 1, 0.2) == 0.0
    assert time.saved("decode", 4, 0.5) == pytest.approx(0.3)
    assert time.saved("decode", 2, 0.5) == 0.0
    assert time.saved("encode", 4, 0.5) == 0.0
