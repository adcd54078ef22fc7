"""What GPUs tell, and that nothing is told where there are none; NVML is played, so that no driver is needed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pynvml
import pytest

from server.telemetry import samplers as gpu
from server.telemetry.samplers import READERS, GpuSampler
from tests.counting_engine import until


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handles are the GPUs' numbers."""
    playing = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=40 + gpu, memory=1),
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=80, free=60, used=20 + gpu),
        "nvmlDeviceGetPowerUsage": lambda gpu: 250_500 + gpu * 1000,
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 50 + gpu,
    }
    for name, function in playing.items():
        monkeypatch.setattr(pynvml, name, function)


def refuse(code: int) -> object:
    def call(*args: object) -> object:
        raise pynvml.NVMLError(code)

    return call


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
async def test_without_a_driver_there_is_nothing_and_the_sampler_ends(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", refuse(code))
    sampler = GpuSampler()
    assert sampler.names == ()
    await asyncio.wait_for(sampler.run(), 10)
    assert all(sampler.readings(reading) == [] for reading in READERS)


@pytest.mark.usefixtures("two_gpus")
def test_each_gpu_is_read_in_the_units_that_the_names_say() -> None:
    sampler = GpuSampler()
    assert sampler.names == ("0", "1")
    assert sampler.readings("utilization") == []  # before the first sample
    sampler.sample()
    assert sampler.readings("utilization") == [(40, {"gpu": "0"}), (41, {"gpu": "1"})]
    assert sampler.readings("memory_bytes") == [(20, {"gpu": "0"}), (21, {"gpu": "1"})]
    assert sampler.readings("memory_limit_bytes") == [(80, {"gpu": "0"}), (80, {"gpu": "1"})]
    assert sampler.readings("power_watts") == [(250.5, {"gpu": "0"}), (251.5, {"gpu": "1"})]
    assert sampler.readings("temperature_celsius") == [(50, {"gpu": "0"}), (51, {"gpu": "1"})]


@pytest.mark.usefixtures("two_gpus")
def test_what_a_gpu_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetPowerUsage", refuse(pynvml.NVML_ERROR_NOT_SUPPORTED))
    sampler = GpuSampler()
    sampler.sample()
    assert sampler.readings("power_watts") == []
    assert len(sampler.readings("memory_bytes")) == 2


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_was_lost_is_not_told_of_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = GpuSampler()
    sampler.sample()
    for name in ("UtilizationRates", "MemoryInfo", "PowerUsage", "Temperature"):
        monkeypatch.setattr(pynvml, f"nvmlDeviceGet{name}", refuse(pynvml.NVML_ERROR_GPU_IS_LOST))
    sampler.sample()
    assert all(sampler.readings(reading) == [] for reading in READERS)


@pytest.mark.usefixtures("two_gpus")
async def test_it_samples_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "INTERVAL_SECONDS", 0.001)
    sampler = GpuSampler()
    sampling = asyncio.create_task(sampler.run())
    await until(lambda: bool(sampler.readings("utilization")))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", lambda gpu, sensor: 90)
    await until(lambda: [value for value, _ in sampler.readings("temperature_celsius")] == [90, 90])
    sampling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sampling
