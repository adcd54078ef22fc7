"""The SERVER span and the http_server_* metrics of every request, from OpenTelemetry's own aiohttp instrumentation."""

from __future__ import annotations

import os
from typing import Any

from opentelemetry.instrumentation import aiohttp_server

from otel.telemetry import Telemetry


def http_middleware(telemetry: Telemetry) -> Any:
    """The instrumentation's middleware, to be the outermost of an application.

    The instrumentor would replace aiohttp's Application for the whole process; it is undone at once, and only what it
    prepared is used. Without the opt-in its metrics are milliseconds with labels that clients control.
    """
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    telemetry.install()
    instrumentor = aiohttp_server.AioHttpServerInstrumentor()
    instrumentor.instrument(tracer_provider=telemetry.tracer_provider)
    instrumentor.uninstrument()
    return aiohttp_server.create_aiohttp_middleware(telemetry.tracer_provider)
