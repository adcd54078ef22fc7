"""A real OTLP receiver over gRPC, for all three signals; keeps every byte that comes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc


class Collector:
    """Listens on a free port of the loopback until ``stop``."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        traces_grpc.add_TraceServiceServicer_to_server(
            _Keeper(self.received, traces.ExportTraceServiceResponse), self._server
        )
        metrics_grpc.add_MetricsServiceServicer_to_server(
            _Keeper(self.received, metrics.ExportMetricsServiceResponse), self._server
        )
        logs_grpc.add_LogsServiceServicer_to_server(
            _Keeper(self.received, logs.ExportLogsServiceResponse), self._server
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=1).wait()

    def content(self) -> bytes:
        """Everything that came in, as it came in."""
        return b"".join(message.SerializeToString() for message in self.received)

    def spans(self) -> list[Any]:
        return [
            span
            for message in self.received
            if isinstance(message, traces.ExportTraceServiceRequest)
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metric_names(self) -> set[str]:
        return {metric.name for metric in self.metrics()}

    def metrics(self) -> list[Any]:
        return [
            metric
            for message in self.received
            if isinstance(message, metrics.ExportMetricsServiceRequest)
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def events(self) -> list[Any]:
        return [
            record
            for message in self.received
            if isinstance(message, logs.ExportLogsServiceRequest)
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


class _Keeper:
    """Answers every export with a bare success."""

    def __init__(self, received: list[Message], response: type[Message]) -> None:
        self._received, self._response = received, response

    def Export(self, request: Message, context: grpc.ServicerContext) -> Message:  # noqa: N802 - gRPC's name
        self._received.append(request)
        return self._response()
