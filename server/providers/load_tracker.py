"""Tracks the load of a provider: waiting requests, pending audio and throughput."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.providers.provider import Load
from server.scheduling.throughput import Throughput


class LoadTracker:
    """Counts a provider's requests; used by the event loop's thread alone.

    with tracker.request(estimated_seconds) as request:
        request.begin()
        request.add(chunk.seconds, work_seconds)
    """

    def __init__(self, parallel: int | None = None, rate: float = 1.0) -> None:
        """``parallel`` is how many requests the provider runs at once, each as fast as a single one. None means
        unknown, as for another server: then the running requests share the time. ``rate`` is the throughput until there
        is a measurement, in seconds of audio per second."""
        self._parallel = parallel
        self._throughput = Throughput(rate)
        self._requests: dict[TrackedRequest, None] = {}

    @property
    def load(self) -> Load:
        """The provider's current load."""
        return Load(
            rate=self._throughput.rate,
            depth=sum(request.waiting for request in self._requests),
            audio_seconds=sum(request.remaining for request in self._requests),
        )

    def reset_rate(self, rate: float) -> None:
        """Discards all measurements and starts again from ``rate``, such as that of a warm-up."""
        self._throughput.reset(rate)

    @contextmanager
    def request(self, seconds: float) -> Iterator[TrackedRequest]:
        """Tracks a request of about ``seconds`` of audio, which counts as waiting until ``begin``."""
        request = TrackedRequest(self, seconds)
        self._requests[request] = None
        try:
            yield request
        finally:
            del self._requests[request]

    def add(self, audio_seconds: float, work_seconds: float) -> None:
        """Adds audio that took one request ``work_seconds``."""
        running = sum(not request.waiting for request in self._requests)
        self._throughput.add(audio_seconds, work_seconds / (self._parallel or max(1, running)))


@dataclass(slots=True, eq=False)
class TrackedRequest:
    """A request that a provider is processing."""

    _tracker: LoadTracker
    remaining: float
    """The estimated seconds of audio that remain to be made."""
    waiting: bool = True
    """Whether it is waiting to run."""

    def wait(self) -> None:
        """Marks it as waiting again, as between two sentences."""
        self.waiting = True

    def begin(self) -> None:
        """Marks it as running."""
        self.waiting = False

    def add(self, audio_seconds: float, work_seconds: float) -> None:
        """Adds audio that was made in ``work_seconds``, which excludes queueing and time blocked by the reader."""
        self.remaining = max(0.0, self.remaining - audio_seconds)
        self._tracker.add(audio_seconds, work_seconds)
