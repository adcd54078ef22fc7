"""``python -m tests.fuzz.worker TARGET``: checks inputs in forked children, so that none can end what counts them.

Reads requests, lines of JSON: ``{"seed", "numbers": [start, stop, step]}`` or ``{"inputs": [...]}`` (bytes as Latin-1).
Answers each with a line ``{"at", "reason"}`` for every input that failed, and ``{"tried"}`` at the end.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fuzz.target import Target, generator
from tests.fuzz.targets import TARGETS

Make = Callable[[int], bytes]


def main(name: str) -> None:
    target = TARGETS[name]
    target.prepare()
    for line in sys.stdin:
        places, make = _inputs(target, json.loads(line))
        for at, reason in failures(target, places, make):
            print(json.dumps({"at": at, "reason": reason}), flush=True)
        print(json.dumps({"tried": len(places)}), flush=True)


def _inputs(target: Target, request: dict[str, Any]) -> tuple[Sequence[int], Make]:
    if "inputs" in request:
        inputs = [each.encode("latin-1") for each in request["inputs"]]
        return range(len(inputs)), inputs.__getitem__
    return range(*request["numbers"]), lambda number: target.make(generator(target, request["seed"], number))


def failures(target: Target, places: Sequence[int], make: Make) -> Iterator[tuple[int, str]]:
    """Which inputs failed, and how: an exception, the signal that ended the child, or that it hung."""
    while places:
        begun: list[int] = []
        for event in _child(target, places, make):
            if event.get("reason") is not None:
                yield event["at"], event["reason"]
            elif "ended" not in event:
                begun.append(event["at"])
            elif event["ended"]:
                yield (begun[-1] if begun else places[0]), event["ended"]
        places = places[max(len(begun), 1) :]


def _child(target: Target, places: Sequence[int], make: Make) -> Iterator[dict[str, Any]]:
    """What a child says of its inputs, and ``ended``: why it left any unchecked, or nothing."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            _check_all(target, places, make, writing)
        finally:
            os._exit(1)
    os.close(writing)
    hung = False
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        buffer = b""
        while True:
            if not select.select([pipe], [], [], target.seconds)[0]:
                hung = True
                os.kill(pid, signal.SIGKILL)
            if not (data := pipe.read(65536)):
                break
            *lines, buffer = (buffer + data).split(b"\n")
            yield from map(json.loads, lines)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    yield {"ended": "hangs" if hung else ended if code else ""}


def _check_all(target: Target, places: Sequence[int], make: Make, writing: int) -> None:
    faulthandler.disable()  # that a child dies is no news here
    if target.memory_bytes is not None:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + target.memory_bytes, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def check(at: int) -> None:
        data = make(at)
        os.write(writing, b'{"at": %d}\n' % at)
        try:
            target.check(data)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            os.write(writing, json.dumps({"at": at, "reason": reason}).encode() + b"\n")

    if target.threads == 1:
        for at in places:
            check(at)
    else:
        with ThreadPoolExecutor(target.threads) as threads:
            list(threads.map(check, places))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
