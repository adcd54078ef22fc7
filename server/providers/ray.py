"""Speaks through the replicas of the engine that run in a Ray cluster."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Container, Iterable
from contextlib import aclosing
from dataclasses import replace

from otel.contract.values import Stage
from server.errors import EngineFailed, ReplicaLost, ShuttingDown, TextTooLong
from server.providers.coqui import CoquiProvider
from server.providers.health_check import check_speech
from server.providers.load_tracker import LoadTracker
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.providers.ray_clock import clock_offset, local_interval
from server.providers.ray_link import RayLink
from server.providers.ray_messages import FailureMessage, ReplicaDescription, ReplicaRequest
from server.providers.threads import ThreadPool
from server.utterance import Chunk, Interval, Listener, Utterance, Voice

START_SECONDS = 60.0
"""Timeout for the cluster to answer at start. A provider whose cluster answers later starts without voices of it."""
WATCH_SECONDS = 2.0
"""The time between two looks at the cluster."""
ANSWER_SECONDS = 10.0
"""Timeout of one look, after which the provider counts as unavailable."""
ASSUMED_RATE = 1.0
"""The throughput of a replica that has not spoken yet, in seconds of audio per second."""


class RayProvider:
    """Speaks with the voices that both this server and the replicas have installed; see
    server.providers.provider.Provider."""

    name = "ray"
    abilities = CoquiProvider.abilities

    def __init__(
        self, voices: Iterable[Voice], *, link: RayLink, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``voices`` are installed on this server; ``max_audio_seconds`` limits the audio of one utterance."""
        self._installed = tuple(voices)
        self._available = self._installed
        """The voices that replicas have too; all of them until a replica has answered."""
        self._link = link
        self._max_audio_seconds = max_audio_seconds
        self._log = log
        self._thread = ThreadPool("ray", 1)
        """The thread of the calls that block."""
        self._tracker = LoadTracker()
        self._rates: dict[str, float] = {}
        """The last known throughput of each replica, those that spoke last at the end."""
        self._running = 0
        """The number of replicas that answer."""
        self._description: ReplicaDescription | None = None
        self._closing = False
        self._watch: asyncio.Task[None] | None = None

    def voices(self) -> tuple[Voice, ...]:
        return self._available

    def phonemes(self, voice: Voice) -> Container[str] | None:
        return self._description.phonemes.get(voice.name, ()) if self._description else ()

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        """Returns the load by this server's requests; the throughput is that of all replicas."""
        rates = self._rates.values()
        rate = sum(rates) / len(rates) if rates else ASSUMED_RATE
        return replace(self._tracker.load, rate=rate * max(1, self._running))

    async def start(self, reports: Reports) -> None:
        """Joins the cluster. Raises EngineFailed when it can't be joined, or its replicas have none of the voices.

        A cluster whose replicas do not answer yet makes the provider unavailable until they do.
        """
        await self._thread.run(self._link.open)
        try:
            await self._look(START_SECONDS)
        except EngineFailed as error:
            self._report_stop(reports, error)
        if not self._available:
            raise EngineFailed("the replicas of the engine have none of this server's voices")
        self._watch = asyncio.create_task(self._watch_for_ever(reports))

    async def check(self) -> None:
        await check_speech(self, self._available[0])

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the audio as a replica makes it, with the replica's intervals in this server's time.

        Raises NothingToSpeak, TextTooLong, ReplicaLost, EngineFailed, and ShuttingDown after ``close``.
        """
        if self._closing:
            raise ShuttingDown("the server is shutting down")
        replica_request = ReplicaRequest(utterance, replace(listener, tenant=""))
        with self._tracker.request(self.estimate(utterance)) as request:
            called = time.perf_counter_ns()
            asked, offset = called, 0
            async with aclosing(self._link.speak(replica_request)) as messages:
                async for message in messages:
                    arrived = time.perf_counter_ns()
                    if isinstance(message, FailureMessage):
                        raise ReplicaLost(message.error.message) if message.lost else message.error
                    chunk = message.chunk
                    intervals: tuple[Interval, ...] = ()
                    if request.waiting:
                        if (chunk.expected or 0.0) > self._max_audio_seconds:
                            raise TextTooLong("the text would take too long to speak", param="text")
                        offset = clock_offset(called, message.received, message.sent, arrived)
                        intervals = (Interval(Stage.QUEUE, called, max(called, message.received - offset)),)
                        request.begin()
                    self._note_rate(message.replica, message.rate)
                    request.add(chunk.seconds, (arrived - asked) / 1e9)
                    local = (local_interval(interval, offset, message.replica) for interval in chunk.intervals)
                    yield replace(chunk, intervals=(*intervals, *local))
                    asked = time.perf_counter_ns()

    async def close(self) -> None:
        """Leaves the cluster; the replicas go on for other servers."""
        self._closing = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._thread.run(self._link.close)
        await self._thread.close()

    async def _watch_for_ever(self, reports: Reports) -> None:
        """Looks at the cluster now and then, and reports whether it answers and what it speaks."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            answered, available = self._running > 0, self._available
            try:
                await self._look(ANSWER_SECONDS)
            except EngineFailed as error:
                if answered:
                    self._report_stop(reports, error)
            else:
                if not answered or available != self._available:
                    reports.resumed()

    async def _look(self, seconds: float) -> None:
        """Asks the cluster for its replicas and one of them for its voices. Raises EngineFailed."""
        try:
            async with asyncio.timeout(seconds):
                description = await self._link.describe()
                running = (await self._thread.run(self._link.running_replicas)).result
        except TimeoutError:
            raise EngineFailed("no replica of the engine answers") from None
        except Exception as error:
            raise EngineFailed("the Ray cluster does not answer") from error
        self._running = max(1, running)
        self._description = description
        offered = {voice.name: voice.checksum for voice in description.voices}
        self._available = tuple(each for each in self._installed if offered.get(each.name) == each.checksum)

    def _note_rate(self, replica: str, rate: float) -> None:
        """Notes a replica's throughput, and forgets those of replicas that are gone."""
        self._rates.pop(replica, None)
        self._rates[replica] = rate
        while len(self._rates) > max(1, self._running):
            del self._rates[next(iter(self._rates))]

    def _report_stop(self, reports: Reports, error: EngineFailed) -> None:
        self._running = 0
        extra = {"provider": self.name, "reason": error.message}
        self._log.warning("the replicas of the engine do not answer", extra=extra)
        reports.stopped()
