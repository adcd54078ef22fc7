"""Memory and CPU, sampled beside the requests."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

INTERVAL_SECONDS = 5.0
SMALL_BYTES = 128 * 1024**2
CGROUP = Path("/sys/fs/cgroup")


class SystemSampler:
    """The last sample of memory (bytes, this process and its children) and CPU (percent, 0 to 100); None while they
    can't be sampled."""

    def __init__(self, cgroup: Path = CGROUP) -> None:
        self._process = psutil.Process()
        self._cores = _container_cores(cgroup)
        self._usage_file = cgroup / "cpu.stat"
        self._before = (time.monotonic(), self._busy_seconds())
        psutil.cpu_percent(None)  # the first call of psutil means nothing
        self.memory_bytes: float | None = float(self._process.memory_info().rss)
        self.cpu_percent: float | None = 0.0

    async def run(self) -> None:
        """Samples every five seconds until it is cancelled. Raises what keeps it from sampling."""
        while True:
            try:
                await asyncio.to_thread(self.sample)
            except Exception:
                self.memory_bytes = self.cpu_percent = None  # an old sample must not pass for a new one
                raise
            await asyncio.sleep(INTERVAL_SECONDS)

    def sample(self) -> None:
        """Raises OSError or psutil.Error when the machine can't be asked, such as for want of file handles."""
        self.memory_bytes = float(sum(map(_resident, (self._process, *self._process.children(recursive=True)))))
        self.cpu_percent = psutil.cpu_percent(None) if self._cores is None else self._container_percent(self._cores)

    def _container_percent(self, cores: float) -> float:
        now, busy = time.monotonic(), self._busy_seconds()
        elapsed, worked = now - self._before[0], busy - self._before[1]
        self._before = (now, busy)
        return min(100.0, 100.0 * worked / (elapsed * cores)) if elapsed > 0 else self.cpu_percent or 0.0

    def _busy_seconds(self) -> float:
        if self._cores is None:
            return 0.0
        usage = dict(line.split() for line in self._usage_file.read_text().splitlines())
        return int(usage["usage_usec"]) / 1e6


def _resident(process: psutil.Process) -> int:
    """Of a small process its share alone: the forked ones have most of their memory in common.

    The share of a large one would take 30 to 150 ms to sum up, in which it can't get any memory.
    """
    try:
        resident = int(process.memory_info().rss)
        if resident > SMALL_BYTES:
            return resident
        try:
            return int(process.memory_full_info().pss)
        except psutil.AccessDenied:  # a sandboxed process shows it to root alone
            return resident
    except psutil.NoSuchProcess:
        return 0


def _container_cores(cgroup: Path) -> float | None:
    """Cores that the container may use by its quota (cgroup v2), or None without one."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)
