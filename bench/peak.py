"""The machine's matrix-multiply peak: ``python -m bench.peak`` prints GFLOP/s of float32, all cores at work."""

from __future__ import annotations

import asyncio
import sys
import time

SIZE = 2048
"""Rows and columns of the matrices: large enough for the peak, 50 MB in all."""
SECONDS = 3.0


async def measure_peak() -> float:
    """GFLOP/s, measured in a process of its own, which leaves the caller's threads and memory alone."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.peak", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the matrix-multiply peak could not be measured")
    return float(output)


def multiply() -> float:
    """The fastest of all multiplications in a few seconds, in GFLOP/s."""
    import torch

    left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    result = torch.empty(SIZE, SIZE)
    fastest, until = float("inf"), time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < until:
        torch.mm(left, right, out=result)
        fastest = min(fastest, time.perf_counter() - begun)
    return 2 * SIZE**3 / fastest / 1e9


if __name__ == "__main__":
    print(multiply())
