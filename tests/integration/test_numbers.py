"""Numbers are the same wherever they are shown, through the real Collector and Prometheus."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app import Service
from server.errors import EngineFailed
from server.settings import Settings
from tests.humming_provider import HummingProvider, failing
from tests.service_client import Client, Start
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

BODIES = {"/tts": {"text": "Hello."}, "/v1/audio/speech": {"input": "Hello.", "model": "tts-1", "voice": "joe"}}
COUNTED = 'sum by (endpoint) (tts_requests_total{outcome="error"}) > 0'
TRACED = 'sum by (tts_endpoint) (traces_span_metrics_calls_total{tts_outcome="error"})'
LABELS = {"__name__", "job", "instance", "service_name", "service_instance_id", "service_version"} | {
    "span_kind",
    "status_code",
    "tts_endpoint",
    "tts_outcome",
    "otel_scope_name",
}


@pytest.fixture
def exporting(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The pipeline, to which servers of the test export at short intervals."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stack.endpoint)
    for name in ("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"):
        monkeypatch.setenv(name, "500")
    return stack


async def test_the_collector_counts_as_many_failures_as_the_server(exporting: Stack, start: Start) -> None:
    """Failures of several endpoints, between requests that end otherwise, of which only some are traced."""
    provider = HummingProvider()
    client = await start(provider, traces_per_second=1)
    failures = Counter[str]()
    for number in range(60):
        path = list(BODIES)[number % 2]
        provider.failure = EngineFailed("out of order") if number % 3 == 0 else None
        async with client.session.post(client.url + path, json=BODIES[path]) as answer:
            await answer.read()
            failures[path] += answer.status >= 500
        await client.tts({"text": "Hello.", "voice_name": "nobody"})
    assert set(failures) == set(BODIES)

    def agree() -> bool:
        counted, traced = by_endpoint(exporting, COUNTED), by_endpoint(exporting, TRACED)
        return counted == traced == failures

    assert await asyncio.to_thread(eventually, agree), (failures, exporting.query(COUNTED), exporting.query(TRACED))
    series = exporting.series("traces_span_metrics_calls_total")
    assert {label for labels in series for label in labels} <= LABELS


def by_endpoint(stack: Stack, promql: str) -> dict[str, float]:
    return {labels.get("endpoint", labels.get("tts_endpoint", "")): value for labels, value in stack.query(promql)}
