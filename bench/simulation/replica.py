"""A simulated server: what is between the route and the engine is the server's own code, built as in server/app.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.clients.load import Reply
from bench.simulation.step_times import Latency
from bench.simulation.timed_provider import SAMPLE_RATE
from bench.simulation.workload import Arrival
from otel.contract.values import Device, FallbackReason
from server.access.caller import DEFAULT_TENANT
from server.audio.quality import Quality
from server.errors import SpeechError
from server.network.agent_check import agent_state
from server.providers.provider import Provider
from server.record import AttemptRecord, RequestRecord, Synthesis
from server.scheduling.job import AHEAD_SECONDS
from server.settings import Settings
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.fallback.probes import Probes
from server.synthesis.synthesizer import AdmittedChain, Synthesizer
from server.telemetry.samplers import SystemSampler
from server.telemetry.server_load import ServerLoad
from server.telemetry.summary import Summary
from server.utterance import Listener, Utterance

SAMPLE_BYTES = 4
SECRET = bytes(32)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of admission, by default those of the server's settings."""

    max_in_flight: int
    max_queue_seconds: float
    deadline_seconds: float
    max_unsent_bytes: int
    max_client_share: float
    shed_seconds: float

    @classmethod
    def defaults(cls) -> Limits:
        """Returns the defaults of the server's settings."""
        values: dict[str, Any] = {name: Settings.model_fields[name].default for name in cls.__slots__}
        return cls(**values)


@dataclass(slots=True, eq=False)
class Door:
    """What the event loop does for a request besides synthesis, one thing after the other."""

    request_seconds: float = 0.0
    audio_seconds: float = 0.0
    """For each second of audio."""
    latency: Latency = field(default_factory=Latency)
    """What each request waits for besides, at the same time as others."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    busy_seconds: float = 0.0
    """The time that the event loop has worked so far."""

    async def work(self, seconds: float) -> None:
        """Keeps the event loop busy for so long."""
        if seconds > 0:
            async with self.lock:
                await asyncio.sleep(seconds)
            self.busy_seconds += seconds

    def busy_share(self) -> float:
        """Returns the share of the time so far in which the event loop has worked."""
        return self.busy_seconds / max(1.0, asyncio.get_running_loop().time())


class Fallbacks:
    """The reports of the fallback chain: counts fallbacks, and ignores the rest."""

    def __init__(self) -> None:
        self.count = 0

    def fell_back(self, failed: str, following: str, reason: FallbackReason) -> None:
        self.count += 1

    def attempted(self, attempt: AttemptRecord, utterance: Utterance) -> None: ...

    def inspected(self, quality: Quality, utterance: Utterance) -> None: ...

    def available(self, provider: str, available: bool) -> None: ...

    def loaded(self, voice: str, seconds: float) -> None: ...

    def batch(self, size: int, padding: float) -> None: ...

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None: ...

    def thread_worked(self, device: Device, seconds: float) -> None: ...

    def worker_restarted(self, worker: str) -> None: ...

    def lost(self, error: Exception) -> None: ...


class Replica:
    """A server of the fleet. Create it inside the event loop whose time counts."""

    def __init__(self, providers: Sequence[Provider], limits: Limits, door: Door, system: SystemSampler) -> None:
        """``providers`` are its fallback chain, the first one first; ``system`` may be shared."""
        clock: Callable[[], float] = asyncio.get_running_loop().time
        self.fallbacks = Fallbacks()
        self._chain = chain = FallbackChain(providers, self.fallbacks, clock=clock)
        self._probes = Probes(chain.states, self.fallbacks)
        self._admission = Admission(
            limits.max_in_flight,
            limits.max_queue_seconds,
            limits.deadline_seconds,
            lambda: chain.rate,
            most_unsent=limits.max_unsent_bytes,
            client_share=limits.max_client_share,
            clock=clock,
        )
        cache = Cache(0, SECRET, AdmittedChain(chain, self._admission))
        self._synthesizer = Synthesizer(chain, cache, self._admission, limits.deadline_seconds)
        self._load = ServerLoad(
            chain, self._admission, Summary(clock), system, shed_seconds=limits.shed_seconds, clock=clock
        )
        self._door = door
        self._clock = clock
        self._probing: asyncio.Task[None] | None = None
        self.requests = 0
        """The number of requests so far."""
        self.in_flight_seconds = 0.0
        """The sum of the times that its requests have taken."""

    async def start(self, *, probed: bool = False) -> None:
        """Starts its providers; with ``probed``, failed ones are checked again and again, as in the server."""
        await self._synthesizer.start()
        if probed:
            self._probing = asyncio.create_task(self._probes.run())

    async def stop(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self._synthesizer.stop()

    @property
    def agent_state(self) -> str:
        """What its agent check answers haproxy."""
        return agent_state(self._load, self._synthesizer)

    async def answer(self, arrival: Arrival) -> Reply:
        """Returns the reply to a request, as a client that reads at once sees it."""
        self.requests += 1
        start, first_audio, status = self._clock(), None, 200
        await asyncio.sleep(self._door.latency.first_audio)
        await self._door.work(self._door.request_seconds)
        try:
            if not arrival.cached:
                first_audio = await self._speak(arrival)
        except SpeechError as error:
            status, first_audio = error.status, None
        await asyncio.sleep(self._door.latency.end)
        end = self._clock()
        self.in_flight_seconds += end - start
        if status == 200:
            first_audio = end - start if first_audio is None else first_audio - start
        return Reply(arrival.words, status, start, end, first_audio, b"")

    async def _speak(self, arrival: Arrival) -> float | None:
        """Returns when a stream's first audio was sent; None for a whole answer."""
        voice = self._synthesizer.installed["joe"]
        text = arrival.text
        utterance = Utterance(text, voice, voice.languages[0], arrival.words, len(text))
        listener = Listener(arrival.streamed, arrival.client or str(self.requests), tenant=DEFAULT_TENANT)
        record = RequestRecord("", "/tts", "POST", Synthesis(utterance, listener))
        seconds, first, made = self._synthesizer.estimate(utterance), None, 0.0
        ahead = min(seconds, AHEAD_SECONDS) if arrival.streamed else seconds
        with self._synthesizer.admit(listener.client, int(ahead * SAMPLE_RATE * SAMPLE_BYTES)) as slot:
            async for chunk in self._synthesizer.speak(record):
                if arrival.streamed:
                    await self._door.work(chunk.seconds * self._door.audio_seconds)
                    first = first or self._clock()
                else:
                    made += chunk.seconds
            slot.ready()
        await self._door.work(made * self._door.audio_seconds)
        return first
