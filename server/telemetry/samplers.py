"""Background samplers of memory, CPU and GPUs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil
import pynvml

INTERVAL_SECONDS = 5.0
SMALL_BYTES = 128 * 1024**2
CGROUP = Path("/sys/fs/cgroup")

GpuReading = Literal["utilization", "memory_bytes", "memory_limit_bytes", "power_watts", "temperature_celsius"]
READERS: dict[GpuReading, Callable[[Any], float]] = {
    "utilization": lambda gpu: float(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu),
    "memory_bytes": lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).used),
    "memory_limit_bytes": lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).total),
    "power_watts": lambda gpu: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3,
    "temperature_celsius": lambda gpu: float(pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)),
}


class SystemSampler:
    """The last sample of memory (bytes, this process and its children) and CPU (percent, 0 to 100); None on failure."""

    def __init__(self, cgroup: Path = CGROUP) -> None:
        self._process = psutil.Process()
        self._cores = _container_cores(cgroup)
        self._usage_file = cgroup / "cpu.stat"
        self._before = (time.monotonic(), self._busy_seconds())
        psutil.cpu_percent(None)  # the first value of psutil is meaningless
        self.memory_bytes: float | None = float(self._process.memory_info().rss)
        self.cpu_percent: float | None = 0.0

    async def run(self) -> None:
        """Samples every five seconds until it is cancelled. Raises the error of a failed sample."""
        while True:
            try:
                await asyncio.to_thread(self.sample)
            except Exception:
                self.memory_bytes = self.cpu_percent = None  # an old sample must not pass for a new one
                raise
            await asyncio.sleep(INTERVAL_SECONDS)

    def sample(self) -> None:
        """Takes a sample. Raises OSError or psutil.Error on failure, such as when file handles run out."""
        self.memory_bytes = float(sum(map(_resident, (self._process, *self._process.children(recursive=True)))))
        self.cpu_percent = psutil.cpu_percent(None) if self._cores is None else self._container_percent(self._cores)

    def _container_percent(self, cores: float) -> float:
        moment, busy = time.monotonic(), self._busy_seconds()
        elapsed, worked = moment - self._before[0], busy - self._before[1]
        self._before = (moment, busy)
        return min(100.0, 100.0 * worked / (elapsed * cores)) if elapsed > 0 else self.cpu_percent or 0.0

    def _busy_seconds(self) -> float:
        if self._cores is None:
            return 0.0
        usage = dict(line.split() for line in self._usage_file.read_text().splitlines())
        return int(usage["usage_usec"]) / 1e6


class GpuSampler:
    """The last NVML sample of every GPU; readings that a GPU does not support are omitted."""

    def __init__(self) -> None:
        self._gpus = _gpus()
        self._samples: dict[tuple[GpuReading, str], float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers of the GPUs."""
        return tuple(self._gpus)

    def readings(self, reading: GpuReading) -> list[tuple[float, dict[str, str]]]:
        """Returns one value for each GPU, with its labels."""
        return [(value, {"gpu": gpu}) for (kind, gpu), value in self._samples.items() if kind == reading]

    def reading(self, reading: GpuReading, gpu: str) -> float | None:
        """Returns the value of one GPU; None without any."""
        return self._samples.get((reading, gpu))

    async def run(self) -> None:
        """Samples every five seconds until it is cancelled; returns immediately without a GPU."""
        while self._gpus:
            try:
                await asyncio.to_thread(self.sample)
            except Exception:
                self._samples = {}  # an old sample must not pass for a new one
                raise
            await asyncio.sleep(INTERVAL_SECONDS)

    def sample(self) -> None:
        """Takes a sample of every GPU."""
        samples: dict[tuple[GpuReading, str], float] = {}
        for name, gpu in self._gpus.items():
            for reading, reader in READERS.items():
                with suppress(pynvml.NVMLError):  # not supported by this GPU, or the GPU is lost
                    samples[reading, name] = reader(gpu)
        self._samples = samples


def available_cores() -> float:
    """Returns the cores that this process may use: of its container's quota, or of its affinity."""
    return min(_container_cores(CGROUP) or float("inf"), float(len(os.sched_getaffinity(0))))


def _resident(process: psutil.Process) -> int:
    """Returns a process's memory in bytes: the proportional share (PSS) if it is small, else the resident size (RSS).

    Small processes are forked and share most of their memory. Summing the PSS of a large process takes 30 to 150 ms, in
    which the process can't allocate memory.
    """
    try:
        resident = int(process.memory_info().rss)
        if resident > SMALL_BYTES:
            return resident
        try:
            return int(process.memory_full_info().pss)
        except psutil.AccessDenied:  # only root may read it of a sandboxed process
            return resident
    except psutil.NoSuchProcess:
        return 0


def _container_cores(cgroup: Path) -> float | None:
    """Returns the number of cores in the container's quota (cgroup v2), or None without a quota."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _gpus() -> dict[str, Any]:
    """Returns NVML's handle of each GPU by its number; empty without the driver."""
    try:
        pynvml.nvmlInit()
        return {str(number): pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())}
    except pynvml.NVMLError:
        return {}
