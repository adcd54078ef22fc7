"""The harness that fuzzes: it finds what dies, what hangs and what raises, and goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from tests.fuzz.running import smallest
from tests.fuzz.target import Target
from tests.fuzz.worker import failures

FATAL, SLOW, WRONG = 7, 11, 13
"""Numbers of inputs."""


def check(data: bytes) -> None:
    number = int(data)
    if number % 20 == FATAL:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == SLOW:
        time.sleep(60)
    if number % 20 == WRONG:
        raise ValueError("wrong")
    if number == 39:
        os._exit(3)


TARGET = Target("numbers", lambda rng: b"", check, share=1.0, seconds=1.0)


def test_every_failure_is_found_and_named() -> None:
    found = dict(failures(TARGET, range(40), lambda number: b"%d" % number))
    assert found == {
        7: "SIGSEGV",
        11: "hangs",
        13: "ValueError: wrong",
        27: "SIGSEGV",
        33: "ValueError: wrong",
        39: "exit code 3",
    }


def test_what_comes_after_a_failure_is_checked_too() -> None:
    assert list(failures(TARGET, range(8, 11), lambda number: b"%d" % number)) == []
    assert [at for at, _ in failures(TARGET, (7, 27, 7), lambda number: b"%d" % number)] == [7, 27, 7]


def test_memory_is_bounded() -> None:
    greedy = Target("greedy", lambda rng: b"", lambda data: bytearray(2**30) and None, share=1.0, memory_bytes=2**26)
    assert list(failures(greedy, [0], lambda number: b"")) == [(0, "MemoryError: ")]


def test_a_failing_input_is_made_as_small_as_it_can_be() -> None:
    def fails(part: Sequence[str]) -> bool:
        return part.count("x") >= 2 and "y" in part

    assert "".join(smallest("abxcdefghxijklmnyopqxrst" * 3, fails)) in {"xxy", "xyx", "yxx"}
