"""``python -m bench.access_cost``: what the check of a key costs each request, measured without a network."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from server.access.api_key import digest, issue
from server.access.caller import Scope
from server.access.clients import Clients
from server.access.failed_attempts import FailedAttempts
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.key_record import KeyHash, KeyRecord
from server.access.keyring import Keyring
from server.errors import SpeechError
from server.middleware.authentication import Authentication

KEYS = 10_000
CALLS = 20_000
PATH = "/tts"


class ManyKeys:
    """A source of KEYS keys."""

    required = True

    def __init__(self, known: str) -> None:
        """``known`` is the text of one of them."""
        self._known = known

    def changed(self) -> bool:
        return False

    def read(self) -> tuple[KeyRecord, ...]:
        record = KeyRecord("", "", (), scopes=frozenset(Scope))
        others = [issue() for _ in range(KEYS - 1)]
        texts = [self._known, *(key.text for key in others)]
        return tuple(
            replace(record, key_id=text.split("_")[1], name=f"key{number}", hashes=(KeyHash(digest(text)),))
            for number, text in enumerate(texts)
        )


def main() -> int:
    """Prints the CPU time of each kind of request, and the time of reading a database."""
    known = issue().text
    keyring = Keyring(ManyKeys(known))
    keyring.load()
    check = Authentication(keyring, Clients(()), {("POST", PATH): Scope.SPEAK}, FailedAttempts())
    for name, headers in (
        ("a valid key", {"Authorization": f"Bearer {known}"}),
        ("an unknown key", {"Authorization": f"Bearer {issue().text}"}),
        ("a malformed key", {"X-API-Key": "x" * 69}),
        ("no key", {}),
    ):
        median, late = _microseconds(check, headers)
        _say(f"{name} of {KEYS} keys: p50 {median:.1f} us, p99 {late:.1f} us")
    with tempfile.TemporaryDirectory() as folder:
        database = KeyDatabase(Path(folder) / KEYS_FILE)
        for number in range(100):
            database.create(KeyRecord("", f"key{number}", ()))
        os.utime(database.path, (1e9, 1e9))
        database.read()
        _say(f"a look for changes: {_shortest(database.changed) * 1e6:.0f} us")
        _say(f"reading 100 keys, beside requests: {_shortest(database.read) * 1e3:.1f} ms")
    return 0


def _microseconds(check: Authentication, headers: dict[str, str]) -> tuple[float, float]:
    """Returns the median and the 99th percentile of a check, in CPU time: other programs of the machine don't count."""
    application = web.Application()
    application.router.add_post(PATH, _nothing)
    request = make_mocked_request("POST", PATH, headers=headers)
    request._match_info = asyncio.run(application.router.resolve(request))
    times = []
    for _ in range(CALLS):
        start = time.thread_time_ns()
        with suppress(SpeechError):
            check.check(request)
        times.append((time.thread_time_ns() - start) / 1e3)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _shortest(function: Callable[[], object]) -> float:
    times = []
    for _ in range(20):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


async def _nothing(request: web.Request) -> web.Response:
    return web.Response()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
