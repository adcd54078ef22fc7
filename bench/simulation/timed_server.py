"""``python -m bench.simulation.timed_server FILE CORES``: a real server whose engine only takes the time of its steps.

Many of them run on one machine as if each had cores of its own, because sleeping needs none.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from bench.simulation.step_times import StepTimes
from bench.simulation.timed_provider import TimedProvider
from bench.targets.process import NO_CACHE, Program
from server.app import Service
from server.settings import load


def timed_program(file: Path, cores: int) -> Program:
    """Returns the program of a server with the engine of a file of step times."""
    command = (sys.executable, "-m", "bench.simulation.timed_server", str(file), str(cores))
    return Program("timed", command, "/ready", NO_CACHE)


async def main(times: StepTimes, cores: int) -> None:
    """Runs the server until SIGTERM."""
    service = Service(load(), [TimedProvider(times, cores)])
    await (await service.start())
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await service.stop()


if __name__ == "__main__":
    asyncio.run(main(StepTimes.read(Path(sys.argv[1])), int(sys.argv[2])))
