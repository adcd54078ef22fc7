"""The door: a bounded number of requests inside and a bounded amount of work for them, none once the server stops."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.errors import QueueFull, ShuttingDown

RETRY_SECONDS = 1


@dataclass(slots=True, eq=False)
class Place:
    """A synthesis, and the seconds of audio that it still has to make, as far as they can be known."""

    remaining: float

    def progress(self, seconds: float) -> None:
        """So much of the audio was made; less than nothing, if that was in vain."""
        self.remaining = max(0.0, self.remaining - seconds)


class Admission:
    """Counts the requests that are inside, and the audio that is made for them."""

    def __init__(
        self, most_requests: int, most_seconds: float, patience_seconds: float, rate: Callable[[], float]
    ) -> None:
        """At most ``most_requests`` and ``most_seconds`` of audio are let in, and nobody who would have to wait longer
        than ``patience_seconds``; ``rate`` is how many seconds of audio are made in a second."""
        self._most_requests = most_requests
        self._most_seconds = most_seconds
        self._patience = patience_seconds
        self._rate = rate
        self._places: dict[Place, None] = {}
        self._visitors = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def audio_seconds(self) -> float:
        """Of audio that those inside wait for."""
        return sum(place.remaining for place in self._places)

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Holds a place for a request until it is answered.

        Raises ShuttingDown after ``close``, and QueueFull when there is none, with the seconds after which the first of
        those inside should be done. It is a forecast: nobody keeps the place for who was refused, somebody may leave
        sooner, and a reader that is slow stays longer.
        """
        if self._closed:
            raise ShuttingDown("the server is shutting down", retry_after=RETRY_SECONDS)
        if self._visitors >= self._most_requests:
            raise QueueFull(
                f"all {self._most_requests} places are taken; try again later",
                retry_after=self._after(self._until_a_place),
            )
        self._visitors += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._visitors -= 1
            if not self._visitors:
                self._idle.set()

    @contextmanager
    def admit(self, seconds: float) -> Iterator[Place]:
        """Holds a place for the synthesis of about so many seconds of audio.

        Any length is let in while nothing is made. Raises QueueFull when too much audio is waiting, with the seconds
        after which what is too much should have been made.
        """
        self._check(seconds)
        place = Place(seconds)
        self._places[place] = None
        try:
            yield place
        finally:
            del self._places[place]

    def close(self) -> None:
        """Lets nobody in any more."""
        self._closed = True

    async def drained(self) -> None:
        """Returns when everybody has left."""
        await self._idle.wait()

    def _check(self, seconds: float) -> None:
        if not self._places:
            return
        waiting = self.audio_seconds
        excess = waiting + seconds - min(self._most_seconds, self._patience * self._rate())
        room = min(waiting, excess)  # alone, any length is let in
        if excess > 0:
            raise QueueFull(
                f"about {waiting:.0f} s of speech are waiting to be made; try again later",
                retry_after=self._after(room),
            )

    @property
    def _until_a_place(self) -> float:
        """Seconds of audio that are made until somebody leaves, if all inside have equal shares of the engine: as much
        for each as the one needs that needs the least. Never more than all that is waiting."""
        return len(self._places) * min((place.remaining for place in self._places), default=0.0)

    def _after(self, seconds: float) -> int:
        """When so many seconds of audio will have been made, in whole seconds from now, a second at least."""
        return max(RETRY_SECONDS, math.ceil(seconds / self._rate()))
