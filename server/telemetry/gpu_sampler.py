"""What the GPUs do, sampled beside the requests; nothing where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import pynvml

INTERVAL_SECONDS = 5.0

GpuReading = Literal["utilization", "memory_bytes", "memory_limit_bytes", "power_watts", "temperature_celsius"]
READERS: dict[GpuReading, Callable[[Any], float]] = {
    "utilization": lambda gpu: float(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu),
    "memory_bytes": lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).used),
    "memory_limit_bytes": lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).total),
    "power_watts": lambda gpu: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3,
    "temperature_celsius": lambda gpu: float(pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)),
}


class GpuSampler:
    """The last sample of every GPU, by NVML; what a GPU does not tell is left out."""

    def __init__(self) -> None:
        self._gpus = _gpus()
        self._samples: dict[tuple[GpuReading, str], float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The GPUs' numbers."""
        return tuple(self._gpus)

    def readings(self, reading: GpuReading) -> list[tuple[float, dict[str, str]]]:
        """One value for each GPU, with its labels."""
        return [(value, {"gpu": gpu}) for (kind, gpu), value in self._samples.items() if kind == reading]

    async def run(self) -> None:
        """Samples every five seconds until it is cancelled; ends at once where there is no GPU."""
        while self._gpus:
            try:
                await asyncio.to_thread(self.sample)
            except Exception:
                self._samples = {}  # an old sample must not pass for a new one
                raise
            await asyncio.sleep(INTERVAL_SECONDS)

    def sample(self) -> None:
        samples: dict[tuple[GpuReading, str], float] = {}
        for name, gpu in self._gpus.items():
            for reading, read in READERS.items():
                with suppress(pynvml.NVMLError):  # not supported by this GPU, or the GPU is lost
                    samples[reading, name] = read(gpu)
        self._samples = samples


def _gpus() -> dict[str, Any]:
    """NVML's handle of each GPU, by its number; empty without the driver."""
    try:
        pynvml.nvmlInit()
        return {str(number): pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())}
    except pynvml.NVMLError:
        return {}
