"""What the instrumentation of HTTP may measure: what is listed, with the labels listed."""

from __future__ import annotations

import pytest
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel.sdk.exposition import Exposition, content_type
from otel.sdk.http import HttpMeters
from otel.sdk.library_views import library_views

ATTRIBUTES = {
    "http.request.method": "POST",
    "http.response.status_code": 429,
    "http.route": "/tts",
    "server.address": "secret",
}


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def meter(reader: InMemoryMetricReader) -> Meter:
    return HttpMeters(MeterProvider([reader], views=library_views())).get_meter("instrumentation", "1")


def exposed(reader: InMemoryMetricReader) -> list[str]:
    text = Exposition([reader]).render(content_type("")).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_active_requests_go_up_and_down(meter: Meter, reader: InMemoryMetricReader) -> None:
    active = meter.create_up_down_counter("http.server.active_requests", "{request}", "x")
    for amount in (1, 1, -1):
        active.add(amount, ATTRIBUTES)
    assert exposed(reader) == ['http_server_active_requests{http_request_method="POST"} 1.0']
    active.add(-1, ATTRIBUTES)
    assert exposed(reader) == ['http_server_active_requests{http_request_method="POST"} 0.0']


def test_durations_have_the_labels_that_are_listed(meter: Meter, reader: InMemoryMetricReader) -> None:
    histogram = meter.create_histogram(
        "http.server.request.duration", "s", "x", explicit_bucket_boundaries_advisory=[1]
    )
    histogram.record(0.5, ATTRIBUTES)
    labels = 'http_request_method="POST",http_response_status_code="429",http_route="/tts"'
    assert f"http_server_request_duration_seconds_count{{{labels}}} 1.0" in exposed(reader)
    assert len(exposed(reader)) == 4  # two buckets, count and sum


def test_what_is_not_listed_is_not_made(meter: Meter, reader: InMemoryMetricReader) -> None:
    meter.create_histogram("http.server.request.body.size").record(1, ATTRIBUTES)
    meter.create_up_down_counter("http.server.open_connections").add(1, ATTRIBUTES)
    meter.create_counter("http.server.errors").add(1, ATTRIBUTES)
    assert exposed(reader) == []
