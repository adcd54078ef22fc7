"""The benchmark of unit costs: what it counts in exports, and what it gives the Collector that drops all."""

from __future__ import annotations

import json

import aiohttp
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.simulation.door_measurement import DoorCost
from bench.targets.collectors import CONFIGURATION, PROMETHEUS_PATH, sink
from bench.targets.otlp_receiver import METRICS, TRACES, points_in, receiving
from bench.unit_costs import CollectorCost, ExportCost, RedisCost, cost_of, render


def metrics_export(points: int) -> bytes:
    export = ExportMetricsServiceRequest()
    scope = export.resource_metrics.add().scope_metrics.add()
    for number in range(points):
        scope.metrics.add(name=f"gauge {number}").gauge.data_points.add(as_double=1.0)
    scope.metrics.add(name="sum").sum.data_points.add(as_int=1)
    return export.SerializeToString()


async def test_exports_are_kept_and_counted() -> None:
    traces = ExportTraceServiceRequest()
    scope = traces.resource_spans.add().scope_spans.add()
    for name in ("request", "infer", "decode"):
        scope.spans.add(name=name)
    async with receiving() as exports, aiohttp.ClientSession(exports.url) as session:
        for path, body in ((TRACES, traces.SerializeToString()), (METRICS, metrics_export(4)), (METRICS, b"")):
            async with session.post(path, data=body) as response:
                assert response.status == 200
    cost = cost_of(exports, requests=2)
    assert exports.spans == 3
    assert (cost.spans, cost.points) == (1.5, 5)
    assert cost.trace_bytes == len(traces.SerializeToString()) / 2
    assert points_in(metrics_export(7)) == 8


def test_the_sink_takes_what_the_pipeline_sends() -> None:
    configuration = json.loads(sink(4317, 4318))
    http = configuration["receivers"]["otlp"]["protocols"]["http"]
    assert f"${{env:PROMETHEUS_URL:-http://127.0.0.1:9090}}{PROMETHEUS_PATH}" in CONFIGURATION.read_text()
    assert http["metrics_url_path"] == f"{PROMETHEUS_PATH}/v1/metrics"


def test_the_section_has_every_cost() -> None:
    costs = ExportCost(35.0, 4900.0, 1300.0, 196, 31000)
    section = render(DoorCost(0.005, 0.001), costs, RedisCost(2.0, 1.0, 18e-6), CollectorCost(9e-6, 12e-6), "Here.")
    values = [line.rpartition("| ")[2].strip(" |") for line in section.splitlines() if line.startswith("|")][2:]
    assert values == ["5.00", "1.00", "35.0", "4900", "1300", "196", "31000", "2.00", "1.00", "18.0", "9.00", "12.0"]
