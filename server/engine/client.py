"""The engine as the server sees it: a process of its own, which takes the schedule's steps.

In one process the threads that speak and the event loop would wait for each other's turns with the interpreter: in an
overload by ten on two cores 31.6 s of audio were made in a second, and 41.2 s in two.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from server.engine import buckets, messages
from server.engine.connection import Connection
from server.errors import ShuttingDown
from server.lifecycle import launch
from server.scheduling.engine import Decode, Encode, EngineLost, Refine, Step, Taken
from server.settings import secret_variables

ROOT = Path(__file__).parent.parent.parent
CUDA_MOST = {Encode: 16, Refine: 16, Decode: 32}
"""Steps in a batch on CUDA. On the CPU a batch gains nothing over one step on each core: there each is alone."""
STOP_SECONDS = 10.0
"""For the steps that are being taken, when it is told to end; and for the kernel to end it, when it is killed."""
STALL_SECONDS = 30.0
"""For one step, before its process is killed: see TTSCOPE_ENGINE_STALL_SECONDS."""
STALL_TIMES = 5.0
"""Times the longest step so far that a step may take all the same, on a slow machine..."""
MOST_STALLS = 4.0
"""...up to so many times STALL_SECONDS."""
LOOK_SECONDS = 0.5
"""Between two looks of the watchdog."""


@dataclass(slots=True, eq=False)
class RemoteLatent:
    """A sentence's frames, which lie in the engine's process until this is dropped. See server.scheduling.engine."""

    voice: str
    key: int
    frames: int
    ends: Sequence[int]
    frame_seconds: float
    context: int
    forgotten: list[int]
    """Where its key goes in the end."""

    def __del__(self) -> None:
        self.forgotten.append(self.key)


class EngineProcess:
    """Used by one event loop. See server.scheduling.engine.Engine."""

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        """``stall_seconds`` is the time for one step, once all voices are loaded; a process that takes longer is
        killed."""
        self._stall_seconds = stall_seconds
        self._longest = 0.0
        """Seconds of the longest step so far."""
        self._watchdog: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._connections: list[Connection] = []
        self._cuda = False
        self._voices: dict[str, messages.Loaded] = {}
        self._forgotten: list[int] = []
        self.lost: asyncio.Future[EngineLost] = asyncio.get_running_loop().create_future()
        """Done when the process has ended, and was not told to, or has stalled and was killed."""

    async def start(self, device: str, workers: int, log_level: int) -> str:
        """Starts the process with a thread for each worker, and has it choose its device, whose type is returned.

        Raises EngineFailed when there is no such device, EngineLost when the process ends.
        """
        pairs = [socket.socketpair() for _ in range(workers)]
        theirs = [their.fileno() for _, their in pairs]
        arguments = (os.getpid(), logging.getLevelName(log_level), *theirs)
        command = [sys.executable, "-m", "server.engine", *map(str, arguments)]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        inherited = {name: value for name, value in os.environ.items() if name not in secret_variables()}
        environment = {**inherited, **launch.missing(os.environ), "PYTHONPATH": path}
        self._connections = [await Connection.over(ours, self._forgotten, self._end) for ours, _ in pairs]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, pass_fds=theirs, env=environment
        )
        for _, their in pairs:
            their.close()  # only the process has it now, so that its end is seen
        kind = await self._value(messages.Open(device))
        self._cuda = kind == "cuda"
        return cast("str", kind)

    async def load(self, voice: str, config: Path, model: Path) -> messages.Loaded:
        """Raises VoiceError when the files can't be loaded."""
        self._voices[voice] = loaded = cast("messages.Loaded", await self._value(messages.Load(voice, config, model)))
        return loaded

    async def seconds(self, voice: str, ids: Sequence[int]) -> float:
        """Speaks a sentence: how long its audio is. Raises EngineFailed when it is none."""
        return cast("float", await self._value(messages.Try(voice, ids)))

    async def finish(self, voice: str, ids: Sequence[int]) -> messages.Finished:
        """Makes a voice that is loaded speakable, as fast as it can be; judged by a sentence."""
        return cast("messages.Finished", await self._value(messages.Finish(voice, ids)))

    async def settle(self) -> None:
        """All voices are loaded: from now on steps are watched."""
        await self._value(messages.Settle())
        self._watchdog = asyncio.create_task(self._watch())

    def most(self, step: Step) -> int:
        return CUDA_MOST[type(step)] if self._cuda else 1

    def size(self, step: Step) -> int:
        return len(step.sentence.ids) if isinstance(step, Encode) else step.stop - step.start

    def bucket(self, step: Step) -> Hashable:
        if isinstance(step, Encode):
            return Encode, step.sentence.voice, buckets.bucket(len(step.sentence.ids))
        latent = cast("RemoteLatent", step.latent)
        if isinstance(step, Refine):
            return Refine, latent.voice, buckets.bucket(step.stop - step.start)
        return Decode, latent.voice, buckets.window(latent.frames, latent.context, step.start, step.stop)

    async def take(self, worker: int, steps: Sequence[Step], threads: int) -> Taken:
        answer, samples = await self._connections[worker].ask(_request(steps, threads))
        self._longest = max(self._longest, (answer.end - answer.begin) / 1e9)
        match steps[0]:
            case Encode(sentence):
                return Taken([self._latent(sentence.voice, each) for each in answer.value], answer.begin, answer.end)
            case Refine():
                return Taken([None] * len(steps), answer.begin, answer.end)
            case Decode():
                return Taken(list(samples), answer.begin, answer.end)

    async def close(self) -> None:
        """Ends the process, once the steps at hand are taken. Closing again is allowed."""
        await self._end_watchdog()
        for connection in self._connections:
            connection.close(ShuttingDown("the server is shutting down"))
        if self._process is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self, error: EngineLost) -> None:
        """Ends the process at once; who waits for it gets ``error``. Killing again is allowed."""
        self._kill(error)
        await self._end_watchdog()
        if self._process is not None:
            with suppress(TimeoutError):  # the kernel can't end a process that waits for a device's driver
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()

    async def _watch(self) -> None:
        """Kills the process when one of its threads does not answer for too long.

        The wait is counted in looks, not by a clock: while this process was stopped itself, or had no turn on a busy
        machine, there were none.
        """
        answered = [0] * len(self._connections)
        waited = [0.0] * len(self._connections)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for number, connection in enumerate(self._connections):
                stuck = connection.waiting and connection.answered == answered[number]
                waited[number] = waited[number] + LOOK_SECONDS if stuck else 0.0
                answered[number] = connection.answered
            longest = min(STALL_TIMES * self._longest, MOST_STALLS * self._stall_seconds)
            if max(waited) >= max(self._stall_seconds, longest):
                error = EngineLost(f"the engine's process has not answered for {max(waited):.1f} s and is killed")
                self._kill(error)
                self._end(error)
                return

    async def _end_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)

    def _kill(self, error: EngineLost) -> None:
        for connection in self._connections:
            connection.close(error)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _end(self, error: EngineLost) -> None:
        if not self.lost.done():
            self.lost.set_result(error)

    async def _value(self, request: messages.Request) -> object:
        answer, _ = await self._connections[0].ask(request)
        return answer.value

    def _latent(self, voice: str, made: messages.Latent) -> RemoteLatent:
        known = self._voices[voice]
        return RemoteLatent(
            voice, made.key, made.frames, made.ends, known.frame_seconds, known.context, self._forgotten
        )


def _request(steps: Sequence[Step], threads: int) -> messages.Request:
    if isinstance(steps[0], Encode):
        sentences = [step.sentence for step in steps if isinstance(step, Encode)]
        given = [(sentence.ids, sentence.speed, bool(sentence.marks)) for sentence in sentences]
        return messages.Encode(sentences[0].voice, given)
    blocks = [
        (cast("RemoteLatent", step.latent).key, step.start, step.stop) for step in steps if not isinstance(step, Encode)
    ]
    return messages.Refine(blocks) if isinstance(steps[0], Refine) else messages.Decode(blocks, threads)
