"""Observable gauges, which are read at each metrics collection."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from otel.contract import load_metrics
from otel.contract import metrics as instruments
from otel.contract.instrument import Instrument
from otel.contract.values import ConnectionState, EarlyEnd
from otel.sdk.recording import Metrics
from server.lifecycle.restarts import RestartCounter
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.telemetry.degradation import DegradationMonitor
from server.telemetry.provider_metrics import ProviderMetrics
from server.telemetry.samplers import GpuReading, GpuSampler, SystemSampler
from server.telemetry.server_load import ServerLoad
from server.telemetry.summary import Summary

GPU_GAUGES: dict[Instrument, GpuReading] = {
    instruments.GPU_UTILIZATION: "utilization",
    instruments.GPU_MEMORY: "memory_bytes",
    instruments.GPU_MEMORY_LIMIT: "memory_limit_bytes",
    instruments.GPU_POWER: "power_watts",
    instruments.GPU_TEMPERATURE: "temperature_celsius",
}


class Expiring(Protocol):
    """A certificate, as the gauges read it."""

    @property
    def expires(self) -> float:
        """The Unix time at which it expires."""
        ...


class OpenConnections(Protocol):
    """The connection counts of a port that the gauges read."""

    @property
    def idle(self) -> int:
        """The number of connections without a request."""
        ...

    @property
    def busy(self) -> int:
        """The number of connections with a request."""
        ...

    @property
    def ended_early(self) -> Mapping[EarlyEnd, int]:
        """The number of connections closed before their request was answered, by reason."""
        ...


def observe_gauges(
    metrics: Metrics,
    *,
    summary: Summary,
    provider_metrics: ProviderMetrics,
    degradation: DegradationMonitor,
    system: SystemSampler,
    gpu: GpuSampler,
    restarts: RestartCounter,
    load: ServerLoad,
    admission: Admission,
    cache: Cache,
    connections: OpenConnections,
    certificate: Expiring | None,
) -> None:
    """Registers every gauge of the service with a callback that reads its value."""
    observe = metrics.observe
    observe(instruments.ACTIVE_VOICES, lambda: [(summary.active_voices, {})])
    observe(instruments.REQUESTS_IN_FLIGHT, lambda: [(load.requests_in_flight, {})])
    observe(instruments.RESTARTS, lambda: [(restarts.count, {})])
    observe(instruments.SYSTEM_MEMORY, lambda: _reading(system.memory_bytes))
    observe(instruments.SYSTEM_CPU, lambda: _reading(system.cpu_percent))
    observe(
        instruments.MODEL_LOAD_TIME,
        lambda: [(seconds, {"model": name}) for name, seconds in provider_metrics.load_seconds.items()],
    )
    observe(instruments.QUEUE_DEPTH, lambda: [(load.queue_depth, {})])
    observe(instruments.QUEUE_AUDIO, lambda: [(load.queue_audio_seconds, {})])
    observe(load_metrics.FORECAST_WAIT, lambda: [(load.wait_seconds, {})])
    observe(load_metrics.UTILIZATION, lambda: [(100 * load.utilization, {})])
    observe(instruments.UNSENT_BYTES, lambda: [(admission.unsent_bytes, {})])
    observe(instruments.CACHE_BYTES, lambda: [(cache.bytes, {})])
    observe(instruments.CACHE_ENTRIES, lambda: [(cache.entries, {})])
    observe(instruments.CACHE_EVICTIONS, lambda: [(cache.evictions, {})])
    observe(instruments.CACHE_INVALID, lambda: [(cache.invalid, {})])
    observe(instruments.PROVIDER_AVAILABLE, provider_metrics.availability)
    observe(instruments.DEGRADED, degradation.readings)
    observe(
        instruments.CONNECTIONS,
        lambda: [
            (connections.idle, {"state": ConnectionState.IDLE}),
            (connections.busy, {"state": ConnectionState.BUSY}),
        ],
    )
    observe(
        instruments.CONNECTIONS_ENDED_EARLY,
        lambda: [(connections.ended_early[reason], {"reason": reason}) for reason in EarlyEnd],
    )
    observe(instruments.CERTIFICATE_EXPIRY, lambda: _reading(None if certificate is None else certificate.expires))
    for gauge, reading in GPU_GAUGES.items():
        observe(gauge, partial(gpu.readings, reading))


def _reading(value: float | None) -> list[tuple[float, dict[str, str]]]:
    """Returns the reading of a gauge without labels; empty while it has no value."""
    return [] if value is None else [(value, {})]
