"""Inputs checked by processes that may die of them, and a failing input made smaller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fuzz.target import Target, generator

ROOT = Path(__file__).parents[2]
TRIES = 400
"""To make an input smaller."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that failed, and how."""

    name: str
    """Its number, or its name in the corpus."""
    reason: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a target's inputs."""

    tried: int
    failures: tuple[Failure, ...]


class Worker:
    """A process that checks inputs of one target in children of its own; started once, since Python starts slowly."""

    def __init__(self, target: Target) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", target.name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def check(self, request: dict[str, Any]) -> Iterator[tuple[int, str]]:
        """Which inputs failed, and how."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer = json.loads(line)
            if "tried" in answer:
                return
            yield answer["at"], answer["reason"]
        raise RuntimeError("the process that checks inputs has ended; run it by hand to see why")


def fuzz(target: Target, seed: str, inputs: int) -> Report:
    """Checks so many made inputs, on as many cores as there are."""
    step = min(len(os.sched_getaffinity(0)), max(inputs, 1))

    def part(start: int) -> list[Failure]:
        with Worker(target) as worker:
            failed = list(worker.check({"seed": seed, "numbers": [start, inputs, step]}))
        return [Failure(str(at), reason, target.make(generator(target, seed, at))) for at, reason in failed]

    with ThreadPoolExecutor(step) as threads:
        return Report(inputs, tuple(failure for part in threads.map(part, range(step)) for failure in part))


def recheck(target: Target) -> Report:
    """Checks the corpus."""
    corpus = list(target.corpus())
    with Worker(target) as worker:
        failed = list(_check(worker, [data for _, data in corpus]))
    return Report(len(corpus), tuple(Failure(corpus[at][0], reason, corpus[at][1]) for at, reason in failed))


def minimised(target: Target, failure: Failure) -> Failure | None:
    """The failure with as little input as still fails in the same way; None when it does not fail by itself."""
    if target.binary:
        parts: Sequence[Any] = failure.data
        join = bytes
    else:
        parts = failure.data.decode("utf-8", "surrogateescape")
        join = lambda part: "".join(part).encode("utf-8", "surrogateescape")  # noqa: E731
    kind = failure.reason.split(":")[0]
    with Worker(target) as worker:

        def fails(part: Sequence[Any]) -> bool:
            return any(reason.split(":")[0] == kind for _, reason in _check(worker, [join(part)]))

        if not fails(parts):
            return None
        return Failure(failure.name, failure.reason, join(smallest(parts, fails)))


def smallest(parts: Sequence[Any], fails: Any) -> Sequence[Any]:
    """``parts`` without all that can be left out by halves, quarters and so on to single ones, while it still fails."""
    tries, size = 0, max(len(parts) // 2, 1)
    while tries < TRIES:
        start, shorter = 0, False
        while start < len(parts) and tries < TRIES:
            tries += 1
            without = parts[:start] + parts[start + size :]
            if without and fails(without):
                parts, shorter = without, True
            else:
                start += size
        if size == 1 and not shorter:
            break
        size = max(size // 2, 1)
    return parts


def _check(worker: Worker, inputs: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    return worker.check({"inputs": [data.decode("latin-1") for data in inputs]})
