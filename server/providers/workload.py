"""What a provider has at hand: its requests that wait, the audio they still ask for, and how fast it makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.providers.provider import Load
from server.scheduling.throughput import Meter


class Workload:
    """Counts a provider's requests; used by the event loop's thread alone.

    with workload.request(estimated_seconds) as request:
        request.begun()
        request.made(chunk.seconds, work_seconds)
    """

    def __init__(self, lanes: int | None = None, rate: float = 1.0) -> None:
        """``lanes`` is how many requests the provider makes at once, each as fast as if alone; None where nobody knows,
        as of a server elsewhere: then time is shared by those that it is at work on. ``rate`` is how many seconds of
        audio it makes in a second, to be believed until there is a measurement."""
        self._lanes = lanes
        self._meter = Meter(rate)
        self._requests: dict[Request, None] = {}

    @property
    def load(self) -> Load:
        """How busy the provider is now."""
        return Load(
            rate=self._meter.rate,
            depth=sum(request.waiting for request in self._requests),
            audio_seconds=sum(request.remaining for request in self._requests),
        )

    def presume(self, rate: float) -> None:
        """Forgets what was measured and believes ``rate``, such as that of a warm-up."""
        self._meter.presume(rate)

    @contextmanager
    def request(self, seconds: float) -> Iterator[Request]:
        """A request of about so many seconds of audio, which waits for its turn until it says otherwise."""
        request = Request(self, seconds)
        self._requests[request] = None
        try:
            yield request
        finally:
            del self._requests[request]

    def _made(self, audio_seconds: float, work_seconds: float) -> None:
        at_work = sum(not request.waiting for request in self._requests)
        self._meter.add(audio_seconds, work_seconds / (self._lanes or max(1, at_work)))


@dataclass(slots=True, eq=False)
class Request:
    """A request that a provider has at hand."""

    _workload: Workload
    remaining: float
    """Seconds of audio that were asked for and are not made, as far as they can be known."""
    waiting: bool = True
    """Whether it waits for its turn."""

    def waits(self) -> None:
        """It waits for its turn again, as between two sentences."""
        self.waiting = True

    def begun(self) -> None:
        """Its turn has come."""
        self.waiting = False

    def made(self, audio_seconds: float, work_seconds: float) -> None:
        """So much of its audio was made in ``work_seconds``, without the time in which it, or nobody for it, waited."""
        self.remaining = max(0.0, self.remaining - audio_seconds)
        self._workload._made(audio_seconds, work_seconds)
