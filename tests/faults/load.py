"""A modest load on a server: clients that speak and are refused, and one that asks for its health."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.clients.passage import cut, passage
from tests.faults.book import Book, Ending, Entry

CLIENTS = 3
ANSWER_SECONDS = 150.0
"""Longer than the server gives itself for an answer."""
HEALTH_SECONDS = 10.0
PAUSE_SECONDS = 0.05
PAUSE_AFTER_NOTHING = 0.25
"""Where nobody listens, so that the account is not of connections that nobody took."""
HEALTH_PAUSE = 0.1
SAID_BEFORE = "Hello again."
KINDS = ("whole", "stream", "mp3", "again", "refused", "mp3 stream")
NO_ROOM = (429, 503)


def wish(kind: str, rng: random.Random) -> dict[str, Any]:
    """The body of a request of this kind; every text is new but for those of ``again``."""
    text = cut(rng.randrange(len(passage())), rng.randint(4, 6))
    match kind:
        case "stream":
            return {"text": text, "stream": True}
        case "mp3":
            return {"text": text, "response_format": "mp3"}
        case "mp3 stream":
            return {"text": text, "response_format": "mp3", "stream": True}
        case "again":
            return {"text": SAID_BEFORE}
        case "refused":
            return {"text": text, "voice_name": "nobody"}
        case _:
            return {"text": text}


def send(url: str, body: dict[str, Any], *, deserves_refusal: bool = False) -> Entry:
    """One request on a connection of its own."""
    request_id = str(uuid.uuid4())
    headers = {"Content-Type": "application/json", "X-Request-ID": request_id, "Connection": "close"}
    begun = time.monotonic()

    def ended(ending: Ending, **more: Any) -> Entry:
        return Entry(request_id, begun, time.monotonic(), ending, **more)

    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)) as connection:
        try:
            connection.request("POST", "/tts", json.dumps(body), headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return ended(Ending.UNANSWERED, code=type(error).__name__)
        known = {"status": response.status, "trace_id": response.headers.get("X-Trace-ID", "")}
        try:
            audio = response.read()
        except (OSError, http.client.HTTPException) as error:
            return ended(Ending.FAILED, code=f"broke off: {type(error).__name__}", **known)
    if response.status == 200:
        return ended(Ending.OK if len(audio) > 1000 and not deserves_refusal else Ending.FAILED, **known)
    deserved = response.status in NO_ROOM or (deserves_refusal and response.status < 500)
    return ended(Ending.REFUSED if deserved else Ending.FAILED, code=_code(audio), **known)


def healthy(url: str, seconds: float = HEALTH_SECONDS) -> float | None:
    """How long GET /health took on a connection of its own; None without an answer 200."""
    begun = time.monotonic()
    try:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)) as connection:
            connection.request("GET", "/health")
            response = connection.getresponse()
            response.read()
            return time.monotonic() - begun if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None


@dataclass
class Load:
    """The clients of one server, each in a thread."""

    url: str
    book: Book = field(default_factory=Book)
    health: list[tuple[float, float | None]] = field(default_factory=list)
    """When it was asked for, and how long the answer took; None without one."""
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[Load]:
        threads = [threading.Thread(target=self._speak, args=(number,), daemon=True) for number in range(CLIENTS)]
        threads.append(threading.Thread(target=self._watch, daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(ANSWER_SECONDS)

    def slowest_health(self, since: float) -> float | None:
        """Seconds of the slowest answer of those asked for after ``since``; None if there was none."""
        return max((seconds for begun, seconds in self.health if begun >= since and seconds is not None), default=None)

    def _speak(self, number: int) -> None:
        rng = random.Random()
        turn = number * len(KINDS) // CLIENTS
        while not self._over.is_set():
            kind = KINDS[turn % len(KINDS)]
            turn += 1
            entry = send(self.url, wish(kind, rng), deserves_refusal=kind == "refused")
            self.book.add(entry)
            self._over.wait(PAUSE_SECONDS if entry.ending is Ending.OK else PAUSE_AFTER_NOTHING)

    def _watch(self) -> None:
        while not self._over.wait(HEALTH_PAUSE):
            begun = time.monotonic()
            self.health.append((begun, healthy(self.url)))


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
