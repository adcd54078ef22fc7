"""Measures the machine's matrix-multiply peak: ``python -m bench.peak`` prints GFLOP/s of float32 on all cores."""

from __future__ import annotations

import asyncio
import sys
import time

SIZE = 2048
"""The rows and columns of the matrices: large enough for the peak, 50 MB in total."""
SECONDS = 3.0


async def measure_peak() -> float:
    """Returns GFLOP/s, measured in a separate process that does not affect the caller's threads and memory."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.peak", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the matrix-multiply peak could not be measured")
    return float(output)


def multiply() -> float:
    """Returns the speed of the fastest multiplication within SECONDS, in GFLOP/s."""
    import torch

    matrix, factor = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    result = torch.empty(SIZE, SIZE)
    fastest, deadline = float("inf"), time.perf_counter() + SECONDS
    while (start := time.perf_counter()) < deadline:
        torch.mm(matrix, factor, out=result)
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * SIZE**3 / fastest / 1e9


if __name__ == "__main__":
    print(multiply())
