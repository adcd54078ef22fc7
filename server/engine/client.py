"""The server's client of the engine, a separate process that runs the schedule's steps.

In one process, the synthesis threads and the event loop would compete for the interpreter lock: at ten times the load,
two cores generated 31.6 s of audio per second in one process, and 41.2 s in two.
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
from typing import TypeVar

from otel.support.api_key import KEY_VARIABLE
from server.engine import messages
from server.engine.connection import EngineConnection
from server.engine.messages import Block, Command, DecoderProperties, LatentHandle, VoiceProperties
from server.engine.noise import NoiseKey
from server.errors import ShuttingDown
from server.lifecycle import launch
from server.scheduling.engine import BatchResult, Decode, Encode, EngineLost, Latent, Refine, Step, StepResult
from server.scheduling.windows import window_shape
from server.settings import secret_variables

ROOT = Path(__file__).parent.parent.parent
CUDA_MAX_BATCH = {Encode: 16, Refine: 16, Decode: 32}
"""The largest batches on CUDA. On the CPU a batch gains nothing over one step on each core, so steps run alone
there."""
LENGTH_BUCKETS = (32, 64, 96, 128, 192, 256, 384, 512, 768)
"""Ids or frames. A batch is padded to its longest step, so its lengths are within about a third of each other."""
STOP_SECONDS = 10.0
"""The time limit for running steps when the process is closed, and for the kernel to end it when it is killed."""
STALL_SECONDS = 30.0
"""The time limit for one step, after which its process is killed: see TTSCOPE_ENGINE_STALL_SECONDS."""
STALL_TIMES = 5.0
"""A step may always take this multiple of the longest step so far, to allow for slow machines..."""
MAX_STALLS = 4.0
"""...up to this multiple of STALL_SECONDS."""
LOOK_SECONDS = 0.5
"""The time between two checks of the watchdog."""

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class RemoteLatent:
    """A sentence's frames, which stay in the engine's process until this object is dropped.

    See server.scheduling.engine.Latent.
    """

    voice: str
    key: int
    frames: int
    ends: Sequence[int]
    frame_seconds: float
    context: int
    released: list[int]
    """The list that its key is added to when it is dropped."""
    exact: bool
    """Whether its steps run alone: see Sentence.exact."""

    def __del__(self) -> None:
        self.released.append(self.key)


class EngineClient:
    """Starts, calls and ends the engine's process; used by one event loop. See server.scheduling.engine.Engine."""

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        """``stall_seconds`` limits the time of one step once all voices are loaded. A process that takes longer is
        killed."""
        self._stall_seconds = stall_seconds
        self._longest_step = 0.0
        """The duration of the longest step so far, in seconds."""
        self._watchdog: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._connections: list[EngineConnection] = []
        self._cuda = False
        self._voices: dict[str, VoiceProperties] = {}
        self._released: list[int] = []
        self.lost: asyncio.Future[EngineLost] = asyncio.get_running_loop().create_future()
        """Done when the process has ended by itself, or was killed because it stalled."""

    async def start(self, device: str, workers: int, log_level: int) -> str:
        """Starts the process with a thread for each worker, opens ``device``, and returns its type.

        Raises EngineFailed when there is no such device, EngineLost when the process ends.
        """
        pairs = [socket.socketpair() for _ in range(workers)]
        descriptors = [other_end.fileno() for _, other_end in pairs]
        arguments = (os.getpid(), logging.getLevelName(log_level), *descriptors)
        command = [sys.executable, "-m", "server.engine", *map(str, arguments)]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        secrets = {*secret_variables(), KEY_VARIABLE}
        inherited = {name: value for name, value in os.environ.items() if name not in secrets}
        environment = {**inherited, **launch.missing_variables(os.environ), "PYTHONPATH": path}
        self._connections = [await EngineConnection.over(own_end, self._released, self._end) for own_end, _ in pairs]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, pass_fds=descriptors, env=environment
        )
        for _, other_end in pairs:
            other_end.close()  # only the process has it now, so its end is noticed
        device_type = await self._value(messages.OpenDevice(device))
        self._cuda = device_type == "cuda"
        return device_type

    async def load(self, voice: str, config: Path, model: Path) -> VoiceProperties:
        """Loads a voice. Raises VoiceError when the files can't be loaded."""
        self._voices[voice] = properties = await self._value(messages.LoadVoice(voice, config, model))
        return properties

    async def speak(self, voice: str, ids: Sequence[int]) -> float:
        """Speaks a sentence and returns its duration in seconds. Raises EngineFailed when the result is not audio."""
        return await self._value(messages.SpeakSentence(voice, ids))

    async def prepare_decoder(self, voice: str, ids: Sequence[int], number_format: str = "auto") -> DecoderProperties:
        """Prepares a loaded voice's decoder in ``number_format``: auto for the fastest one, measured on a sentence."""
        return await self._value(messages.PrepareDecoder(voice, ids, number_format))

    async def end_loading(self) -> None:
        """Signals that all voices are loaded. From now on the watchdog checks the steps."""
        await self._value(messages.EndLoading())
        self._watchdog = asyncio.create_task(self._watch())

    def max_batch(self, step: Step) -> int:
        return CUDA_MAX_BATCH[type(step)] if self._cuda and not _is_exact(step) else 1

    def size(self, step: Step) -> int:
        return len(step.sentence.ids) if isinstance(step, Encode) else step.stop - step.start

    def bucket(self, step: Step) -> Hashable:
        if isinstance(step, Encode):
            return Encode, step.sentence.voice, length_bucket(len(step.sentence.ids)), step.sentence.exact
        latent = _remote(step.latent)
        if isinstance(step, Refine):
            return Refine, latent.voice, length_bucket(step.stop - step.start), latent.exact
        return Decode, latent.voice, window_shape(latent.frames, latent.context, step.start, step.stop), latent.exact

    async def run(self, worker: int, steps: Sequence[Step], threads: int) -> BatchResult:
        connection = self._connections[worker]
        results: Sequence[StepResult]
        if isinstance(first := steps[0], Encode):
            voice = first.sentence.voice
            encoded, _ = await connection.ask(messages.EncodeSentences(voice, _sentences(steps)))
            exact = first.sentence.exact
            results = [self._latent(voice, each, exact) for each in encoded.value]
            start, end = encoded.start, encoded.end
        elif isinstance(first, Refine):
            refined, _ = await connection.ask(messages.RefineBlocks(_blocks(steps)))
            results, start, end = [None] * len(steps), refined.start, refined.end
        else:
            decoded, samples = await connection.ask(messages.DecodeWindows(_blocks(steps), threads))
            results, start, end = list(samples), decoded.start, decoded.end
        self._longest_step = max(self._longest_step, (end - start) / 1e9)
        return BatchResult(results, start, end)

    async def close(self) -> None:
        """Ends the process when its running steps are done. Closing again is allowed."""
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
        """Ends the process at once; callers that wait for it get ``error``. Killing again is allowed."""
        self._kill(error)
        await self._end_watchdog()
        if self._process is not None:
            with suppress(TimeoutError):  # the kernel can't kill a process that is blocked in a device's driver
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()

    async def _watch(self) -> None:
        """Kills the process when one of its threads does not answer for too long.

        The wait is counted in checks, not by a clock: no check runs while the server itself is stopped, or gets no
        processor time on a busy machine.
        """
        answered = [0] * len(self._connections)
        waited = [0.0] * len(self._connections)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for number, connection in enumerate(self._connections):
                stuck = connection.waiting and connection.answered == answered[number]
                waited[number] = waited[number] + LOOK_SECONDS if stuck else 0.0
                answered[number] = connection.answered
            longest = min(STALL_TIMES * self._longest_step, MAX_STALLS * self._stall_seconds)
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

    async def _value(self, command: Command[R]) -> R:
        response, _ = await self._connections[0].ask(command)
        return response.value

    def _latent(self, voice: str, handle: LatentHandle, exact: bool) -> RemoteLatent:
        properties = self._voices[voice]
        return RemoteLatent(
            voice,
            handle.key,
            handle.frames,
            handle.ends,
            properties.frame_seconds,
            properties.context,
            self._released,
            exact,
        )


def _is_exact(step: Step) -> bool:
    return step.sentence.exact if isinstance(step, Encode) else _remote(step.latent).exact


def _remote(latent: Latent) -> RemoteLatent:
    if not isinstance(latent, RemoteLatent):
        raise TypeError("the latent is another engine's")
    return latent


def length_bucket(length: int) -> int:
    """Returns the padded length of ids or frames, which the steps of one batch share."""
    longest = LENGTH_BUCKETS[-1]
    return next((bucket for bucket in LENGTH_BUCKETS if length <= bucket), -(-length // longest) * longest)


def _sentences(steps: Sequence[Step]) -> list[tuple[Sequence[int], float, bool, NoiseKey]]:
    sentences = [step.sentence for step in steps if isinstance(step, Encode)]
    return [(each.ids, each.speed, bool(each.words), NoiseKey(each.seed, each.number)) for each in sentences]


def _blocks(steps: Sequence[Step]) -> list[Block]:
    return [(_remote(step.latent).key, step.start, step.stop) for step in steps if not isinstance(step, Encode)]
