"""Admission control: limits on concurrent requests, on their pending audio, and on unsent audio.

No request is admitted once the server is shutting down.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.errors import QueueFull, ShuttingDown
from server.synthesis.busy_share import BusyShare
from server.synthesis.request_slot import RequestSlot
from server.synthesis.shares import Askers, Shares

RETRY_SECONDS = 1
MEGABYTE = 1e6


@dataclass(slots=True, eq=False)
class SynthesisSlot:
    """An admitted synthesis and its remaining seconds of audio, which are an estimate."""

    admission: Admission
    remaining: float = 0.0

    def progress(self, seconds: float) -> None:
        """Subtracts ``seconds`` of audio that were made; a negative number adds back the audio of a failed attempt."""
        with self.paused():
            self.remaining = max(0.0, self.remaining - seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Excludes it from the count while its reader is not waiting for audio, so that it blocks no other request."""
        self.admission.let_go(self)
        try:
            yield
        finally:
            self.admission.take_on(self)


class Admission:
    """Counts admitted requests, their pending audio and their unsent bytes, and enforces the limits."""

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
        """The limits are ``most_requests``, ``most_seconds`` of pending audio, a wait of ``most_wait_seconds``, and
        ``most_unsent`` bytes; ``rate`` returns the throughput in seconds of audio per second. One client gets at most
        ``client_share`` of the unsent bytes, and of the places while another client is active: a place is free as soon
        as the audio is made, unsent bytes only when the client reads them."""
        self._most_requests = most_requests
        self._most_seconds = most_seconds
        self._most_wait = most_wait_seconds
        self._rate = rate
        self._most_unsent = most_unsent
        self._client_requests = max(1, int(most_requests * client_share))
        self._client_unsent = int(most_unsent * client_share)
        self._clock = clock
        self._syntheses: dict[SynthesisSlot, None] = {}
        self._busy = BusyShare(clock)
        self.audio_seconds = 0.0
        """The pending audio of admitted requests, in seconds."""
        self._requests = Shares()
        self._unsent = Shares()
        self._askers = Askers()
        self._inside = 0
        self._leaving = self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def leaving(self) -> bool:
        """Whether load balancers should send their requests elsewhere, though this server may still admit some."""
        return self._leaving

    @property
    def closed(self) -> bool:
        """Whether the server is shutting down."""
        return self._closed

    @property
    def unsent_bytes(self) -> int:
        """The unsent bytes, including the estimate for audio that is being made."""
        return self._unsent.total

    @property
    def making(self) -> int:
        """The occupied places. They may briefly exceed the limit, when readers of several streams resume at once."""
        return self._requests.total

    @property
    def wait_seconds(self) -> float:
        """The estimated time to make all pending audio. A new request waits for its end at most so long, and for its
        first audio less, since the schedule makes that first."""
        return self.audio_seconds / self._rate()

    @property
    def syntheses(self) -> int:
        """The number of syntheses whose audio clients wait for."""
        return len(self._syntheses)

    @property
    def busy_share(self) -> float:
        """The share of the last seconds in which audio was pending, 0 to 1."""
        return self._busy.mean

    @contextmanager
    def admit_request(self, client: str, size: int) -> Iterator[RequestSlot]:
        """Admits a request until it is answered; ``size`` is the estimate of its unsent bytes.

        Raises ShuttingDown after ``close``, and QueueFull when there is no room for its bytes, or no free place. Its
        Retry-After is the estimated time until the first admitted request ends. No place is reserved for the refused
        request, and a request may end sooner.
        """
        self._askers.note(client, self._clock())
        self.check_request(client, size)
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

    def check_request(self, client: str, size: int) -> None:
        """Raises the errors of ``admit_request``, and admits nothing."""
        if self._closed:
            raise ShuttingDown("the server is shutting down", retry_after=RETRY_SECONDS)
        self._check_places(client, self._clock())
        self._check_unsent(client, size)

    @contextmanager
    def admit_synthesis(self, seconds: float) -> Iterator[SynthesisSlot]:
        """Admits a synthesis of about ``seconds`` of audio.

        Any length is admitted while no other synthesis is running. Raises QueueFull when too much audio is pending; its
        Retry-After is the estimated time to make the excess.
        """
        self.check(seconds)
        slot = SynthesisSlot(self, seconds)
        self.take_on(slot)
        try:
            yield slot
        finally:
            self.let_go(slot)

    def take_on(self, slot: SynthesisSlot) -> None:
        """Adds a synthesis to the count."""
        self._syntheses[slot] = None
        self.audio_seconds += slot.remaining
        self._busy.mark(True)

    def let_go(self, slot: SynthesisSlot) -> None:
        """Removes a synthesis from the count."""
        del self._syntheses[slot]
        self.audio_seconds -= slot.remaining
        if not self._syntheses:
            self.audio_seconds = 0.0  # so that rounding errors do not accumulate
            self._busy.mark(False)

    def leave(self) -> None:
        """Goes on admitting requests, but wants no more of them."""
        self._leaving = True

    def close(self) -> None:
        """Stops admitting requests."""
        self._leaving = self._closed = True

    async def drained(self) -> None:
        """Waits until all admitted requests have been answered."""
        await self._idle.wait()

    def _check_places(self, client: str, moment: float) -> None:
        """Raises QueueFull when all places are taken, or all of this client's while others are active."""
        full = f"all {self._most_requests} places are taken; try again later"
        if self._requests.total < self._most_requests:
            if self._requests.of(client) < self._client_requests or not self._askers.beside(client, moment):
                return
            full = (
                f"all {self._client_requests} places of one client are taken, and other clients wait; try again later"
            )
        raise QueueFull(full, retry_after=self._after(self._until_a_place))

    def _check_unsent(self, client: str, size: int) -> None:
        """Raises QueueFull. Any size is admitted while nothing is unsent: else one above the limit never would be."""
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
        """Raises QueueFull when a synthesis of ``seconds`` would exceed the limit on pending audio."""
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
        """Seconds of audio made until the first synthesis ends, if all have equal shares of the engine: for each as
        much as the shortest one needs. Never more than all pending audio."""
        return len(self._syntheses) * min((slot.remaining for slot in self._syntheses), default=0.0)

    def _after(self, seconds: float) -> int:
        """Returns the time to make ``seconds`` of audio, in whole seconds, at least one."""
        return max(RETRY_SECONDS, math.ceil(seconds / self._rate()))
