"""Measures what the event loop of a real server does for a request besides synthesis: processor time on one core."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.clients.load import send, session_to
from bench.clients.passage import Reader
from bench.clients.recording import read_wav
from bench.simulation.step_times import Line, StepTimes
from bench.simulation.timed_server import timed_program
from bench.targets.contenders import ttscope_stream_request
from bench.targets.process import ServerProcess, running

LENGTHS = (4, 12, 40, 80, 120)
"""Words of the texts."""
REQUEST_SECONDS = 120.0
SPEED = 50.0
"""How much faster than measured the steps are."""


@dataclass(frozen=True, slots=True)
class DoorCost:
    """Processor time in seconds."""

    request: float
    audio_second: float


async def measure_door(times: StepTimes, requests: int) -> DoorCost:
    """Returns the cost of a request, and of a second of its audio, of a server whose steps take hardly any time;
    ``requests`` is how many of each length are sent."""
    reader = Reader(seed=9)
    with tempfile.NamedTemporaryFile() as file:
        times.faster(SPEED).write(Path(file.name))
        program = timed_program(Path(file.name), 1)
        async with running(program) as server, session_to(server.url, REQUEST_SECONDS) as session:
            await cost_of(server, session, [reader.take(12) for _ in range(requests)])
            texts = [[reader.take(words) for _ in range(requests)] for words in LENGTHS]
            points = [await cost_of(server, session, of_length) for of_length in texts]
    line = Line.through(points)
    return DoorCost(max(0.0, line.start), max(0.0, line.slope))


async def cost_of(server: ServerProcess, session: aiohttp.ClientSession, texts: list[str]) -> tuple[float, float]:
    """Returns the seconds of audio and the mean processor time of a request for one of the texts."""
    audio, costs = 0.0, []
    for text in texts:
        before = server.cpu_seconds()
        reply = await send(session, ttscope_stream_request(text))
        costs.append(server.cpu_seconds() - before)
        audio += read_wav(reply.body).seconds
    return audio / len(texts), sum(costs) / len(costs)
