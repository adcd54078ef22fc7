"""Step times without chance: every step takes exactly as long as this file says."""

from __future__ import annotations

from bench.simulation.step_times import Latency, Line, StepTime, StepTimes

FRAME_SECONDS = 0.0116
SECONDS_A_FRAME = {"encode": 0.0001, "refine": 0.0002, "decode": 0.0004}
"""Seconds for each id or frame, on one core."""


def even_times(cores: int = 1, batch: int = 1, speed: float = 1.0) -> StepTimes:
    """An engine whose steps take time in proportion to their size; a batch takes as long as one step."""
    steps = tuple(
        StepTime(kind, size, seconds * size, count, threads=1, busy=1)  # type: ignore[arg-type]
        for kind, seconds in SECONDS_A_FRAME.items()
        for size in (10.0, 1000.0)
        for count in sorted({1, batch})
    )
    return StepTimes(
        machine="none",
        cores=cores,
        frame_seconds=FRAME_SECONDS,
        context=11,
        ids=Line(0.0, 2.0),
        frames=Line(0.0, 2.5),
        frame_spread=(1.0, 1.0),
        spread=(1.0, 1.0),
        turnaround=0.0,
        preparation=Line(0.001, 0.0),
        door=0.0,
        door_audio=0.0,
        latency=Latency(),
        steps=steps,
        speed=speed,
    )
