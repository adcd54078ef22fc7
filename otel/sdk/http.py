"""Records the SERVER span and http_server_* metrics of every request by OpenTelemetry's aiohttp instrumentation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from aiohttp import hdrs, web
from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Meter, MeterProvider, NoOpMeter, NoOpUpDownCounter, UpDownCounter
from opentelemetry.propagators.textmap import CarrierT, Getter, default_getter
from opentelemetry.util.types import Attributes

from otel.contract.libraries import HTTP_METRICS, LibraryMetric
from otel.sdk.propagation import PROPAGATORS, TRACEPARENT, CallerTrace, has_caller
from otel.sdk.telemetry import Telemetry
from otel.sdk.totals import Totals

LISTED = {metric.name: metric for metric in HTTP_METRICS}


def http_middleware(telemetry: Telemetry) -> Any:
    """Returns the instrumentation's middleware, which must be an application's outermost.

    It sets process-wide state: our rules for callers' traces, and meters that make only HTTP_METRICS. The instrumentor
    replaces aiohttp's Application for the whole process; that is undone at once, and only the state that it prepared is
    used. Without the opt-in, its metrics are in milliseconds, with labels that clients control.
    """
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    aiohttp_server = _instrumentation()
    metrics.set_meter_provider(HttpMeters(telemetry.library_meter_provider))
    instrumentor = aiohttp_server.AioHttpServerInstrumentor()
    instrumentor.instrument(tracer_provider=telemetry.tracer_provider)
    instrumentor.uninstrument()
    return aiohttp_server.create_aiohttp_middleware(telemetry.tracer_provider)


def _instrumentation() -> ModuleType:
    """Imports the instrumentation, and sets our rules for callers' traces.

    opentelemetry.propagate reads OTEL_PROPAGATORS at its import, and fails for a name that it does not find. It reads
    none here, since CallerTrace takes the place of what it builds.
    """
    callers, names = RequestTrace(), os.environ.pop(PROPAGATORS, None)
    try:
        from opentelemetry import propagate
        from opentelemetry.instrumentation import aiohttp_server
    finally:
        if names is not None:
            os.environ[PROPAGATORS] = names
    propagate.set_global_textmap(callers)
    return aiohttp_server


class RequestTrace(CallerTrace):
    """The trace in the headers of a request, or in the query of a WebSocket's handshake, for which browsers can't set
    headers."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        extracted = super().extract(carrier, context, getter)
        if has_caller(extracted) or not isinstance(carrier, web.BaseRequest):
            return extracted
        value = carrier.query.get(TRACEPARENT) if _is_handshake(carrier) else None
        return extracted if value is None else super().extract({TRACEPARENT: value}, context)


def _is_handshake(request: web.BaseRequest) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


class HttpMeters(MeterProvider):
    """Wraps the meters of another provider so that they make only HTTP_METRICS."""

    def __init__(self, real: MeterProvider) -> None:
        self._real = real

    def get_meter(
        self, name: str, version: str | None = None, schema_url: str | None = None, attributes: Attributes = None
    ) -> Meter:
        return _HttpMeter(self._real.get_meter(name, version, schema_url, attributes))


class _HttpMeter(NoOpMeter):
    def __init__(self, real: Meter) -> None:
        super().__init__(real.name, real.version, real.schema_url)
        self._real = real

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        create = self._real.create_histogram if name in LISTED else super().create_histogram
        return create(name, unit, description, explicit_bucket_boundaries_advisory=explicit_bucket_boundaries_advisory)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> UpDownCounter:
        if name not in LISTED:
            return super().create_up_down_counter(name, unit, description)
        counter = _Summed(LISTED[name], unit, description)
        self._real.create_observable_up_down_counter(name, [counter.totals], unit, description)
        return counter


class _Summed(NoOpUpDownCounter):
    """A counter that every request increments and decrements, and that is read when metrics are collected."""

    def __init__(self, metric: LibraryMetric, unit: str, description: str) -> None:
        super().__init__(metric.name, unit, description)
        self._names = metric.attributes
        self.totals = Totals(self._names)

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        values = attributes or {}
        self.totals.add(amount, tuple(str(values.get(name, "")) for name in self._names))
