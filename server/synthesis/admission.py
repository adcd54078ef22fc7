"""Admission control: bounds on requests whose audio is made, on the work for them, and on audio that waits to be sent.

No request is admitted once the server stops.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.errors import QueueFull, ShuttingDown
from server.synthesis.request_slot import RequestSlot
from server.synthesis.shares import Askers, Shares

RETRY_SECONDS = 1
MEGABYTE = 1e6


@dataclass(slots=True, eq=False)
class SynthesisSlot:
    """A synthesis, and the seconds of audio that it still has to make, as far as they can be known."""

    admission: Admission
    remaining: float = 0.0

    def progress(self, seconds: float) -> None:
        """Counts ``seconds`` of audio as made; a negative number takes back what was made in vain."""
        with self.paused():
            self.remaining = max(0.0, self.remaining - seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves it out of the count while nobody waits for its audio, so that it keeps no request out."""
        self.admission.let_go(self)
        try:
            yield
        finally:
            self.admission.take_on(self)


class Admission:
    """Counts the requests that are inside, the audio that is made for them, and the bytes that wait to be sent."""

    def __init__(
        self,
        most_requests: int,
        most_seconds: float,
        most_wait_seconds: float,
        rate: Callable[[], float],
        *,
        most_unsent: int,
        client_share: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The limits are ``most_requests``, ``most_seconds`` of audio, and a wait of ``most_wait_seconds``; ``rate`` is
        how many seconds of audio are made in a second. ``most_unsent`` are the bytes that may wait to be sent. One
        client gets at most ``client_share`` of those, and of the places while another client asks: places are free
        again as soon as audio is made, bytes only when their readers like."""
        self._most_requests = most_requests
        self._most_seconds = most_seconds
        self._most_wait = most_wait_seconds
        self._rate = rate
        self._most_unsent = most_unsent
        self._client_requests = max(1, int(most_requests * client_share))
        self._client_unsent = int(most_unsent * client_share)
        self._clock = clock
        self._syntheses: dict[SynthesisSlot, None] = {}
        self.audio_seconds = 0.0
        """The seconds of audio that admitted requests wait for."""
        self._requests = Shares()
        self._unsent = Shares()
        self._askers = Askers()
        self._inside = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def closed(self) -> bool:
        """Whether the server stops."""
        return self._closed

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait to be sent, as estimated of what is being made."""
        return self._unsent.total

    @property
    def making(self) -> int:
        """Places that are taken. More than allowed for a moment, when readers of streams come back at once."""
        return self._requests.total

    @contextmanager
    def admit_request(self, client: str, size: int) -> Iterator[RequestSlot]:
        """Admits a request until it is answered; its answer is estimated to keep ``size`` bytes waiting to be sent.

        Raises ShuttingDown after ``close``, and QueueFull when there is no room for its bytes, or no place, with the
        seconds after which the first of the admitted requests should be done. That is a forecast: the place is not
        reserved for the refused request, and a request may end sooner.
        """
        if self._closed:
            raise ShuttingDown("the server is shutting down", retry_after=RETRY_SECONDS)
        moment = self._clock()
        self._askers.note(client, moment)
        self._check_places(client, moment)
        self._check_unsent(client, size)
        slot = RequestSlot(self._requests, self._unsent, client, size)
        slot.enter()
        self._inside += 1
        self._idle.clear()
        try:
            yield slot
        finally:
            slot.leave()
            self._inside -= 1
            if not self._inside:
                self._idle.set()

    @contextmanager
    def admit_synthesis(self, seconds: float) -> Iterator[SynthesisSlot]:
        """Admits the synthesis of about ``seconds`` of audio.

        Any length is admitted while nothing is made. Raises QueueFull when too much audio is waiting, with the seconds
        after which what is too much should have been made.
        """
        self.check(seconds)
        slot = SynthesisSlot(self, seconds)
        self.take_on(slot)
        try:
            yield slot
        finally:
            self.let_go(slot)

    def take_on(self, slot: SynthesisSlot) -> None:
        """Counts the audio of a synthesis."""
        self._syntheses[slot] = None
        self.audio_seconds += slot.remaining

    def let_go(self, slot: SynthesisSlot) -> None:
        """Counts it no more."""
        del self._syntheses[slot]
        self.audio_seconds -= slot.remaining
        if not self._syntheses:
            self.audio_seconds = 0.0  # what sums of such numbers are off by does not add up

    def close(self) -> None:
        """Admits nothing any more."""
        self._closed = True

    async def drained(self) -> None:
        """Returns when all answers are sent."""
        await self._idle.wait()

    def _check_places(self, client: str, moment: float) -> None:
        """Raises QueueFull when all places are taken, or all of a client's while others ask."""
        full = f"all {self._most_requests} places are taken; try again later"
        if self._requests.total < self._most_requests:
            if self._requests.of(client) < self._client_requests or not self._askers.beside(client, moment):
                return
            full = (
                f"all {self._client_requests} places of one client are taken, and other clients wait; try again later"
            )
        raise QueueFull(full, retry_after=self._after(self._until_a_place))

    def _check_unsent(self, client: str, size: int) -> None:
        """Raises QueueFull. Any size is admitted where nothing waits: else what exceeds the limit never would be."""
        for waiting, limit, clients in (
            (self._unsent.total, self._most_unsent, "all clients"),
            (self._unsent.of(client), self._client_unsent, "this client"),
        ):
            if waiting and waiting + size > limit:
                raise QueueFull(
                    f"{waiting / MEGABYTE:.0f} of {limit / MEGABYTE:.0f} MB for audio that {clients} did not read yet "
                    "are used; try again later",
                    retry_after=RETRY_SECONDS,
                )

    def check(self, seconds: float) -> None:
        """Raises QueueFull when so much audio is waiting that a synthesis of ``seconds`` is refused."""
        if not self._syntheses:
            return
        waiting = self.audio_seconds
        excess = waiting + seconds - min(self._most_seconds, self._most_wait * self._rate())
        room = min(waiting, excess)  # alone, any length is admitted
        if excess > 0:
            raise QueueFull(
                f"about {waiting:.0f} s of speech are waiting to be made; try again later",
                retry_after=self._after(room),
            )

    @property
    def _until_a_place(self) -> float:
        """Seconds of audio that are made until the first synthesis ends, if all have equal shares of the engine: for
        each as much as the shortest needs. Never more than all that is waiting."""
        return len(self._syntheses) * min((slot.remaining for slot in self._syntheses), default=0.0)

    def _after(self, seconds: float) -> int:
        """Returns when ``seconds`` of audio will have been made, in whole seconds from now, a second at least."""
        return max(RETRY_SECONDS, math.ceil(seconds / self._rate()))
