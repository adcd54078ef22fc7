"""Tracks how busy a provider is: requests that wait, audio that is still to be made, and how fast it is made."""

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
        """``parallel`` is how many requests the provider makes at once, each as fast as a single one. It is None when
        that is unknown, as for another server: then the running requests share the time. ``rate`` is how many seconds
        of audio the provider makes in a second, until there is a measurement."""
        self._parallel = parallel
        self._throughput = Throughput(rate)
        self._requests: dict[TrackedRequest, None] = {}

    @property
    def load(self) -> Load:
        """The provider's load at this moment."""
        return Load(
            rate=self._throughput.rate,
            depth=sum(request.waiting for request in self._requests),
            audio_seconds=sum(request.remaining for request in self._requests),
        )

    def reset_rate(self, rate: float) -> None:
        """Forgets all measurements and starts again from ``rate``, such as that of a warm-up."""
        self._throughput.reset(rate)

    @contextmanager
    def request(self, seconds: float) -> Iterator[TrackedRequest]:
        """Tracks a request of about so many seconds of audio, which waits for its turn until ``begin``."""
        request = TrackedRequest(self, seconds)
        self._requests[request] = None
        try:
            yield request
        finally:
            del self._requests[request]

    def add(self, audio_seconds: float, work_seconds: float) -> None:
        """Adds audio that one request took ``work_seconds`` for."""
        running = sum(not request.waiting for request in self._requests)
        self._throughput.add(audio_seconds, work_seconds / (self._parallel or max(1, running)))


@dataclass(slots=True, eq=False)
class TrackedRequest:
    """A request that a provider works on."""

    _tracker: LoadTracker
    remaining: float
    """Seconds of audio that are still to be made, as far as they can be known."""
    waiting: bool = True
    """Whether it waits for its turn."""

    def wait(self) -> None:
        """Marks it as waiting for its turn again, as between two sentences."""
        self.waiting = True

    def begin(self) -> None:
        """Marks it as running."""
        self.waiting = False

    def add(self, audio_seconds: float, work_seconds: float) -> None:
        """Adds audio that was made in ``work_seconds``. Time in which the request waited for its turn, or the reader
        was behind, does not count."""
        self.remaining = max(0.0, self.remaining - audio_seconds)
        self._tracker.add(audio_seconds, work_seconds)
