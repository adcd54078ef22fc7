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
        return self._all(traces.ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans")

    def metrics(self) -> list[Any]:
        return self._all(metrics.ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics")

    def metric_names(self) -> set[str]:
        return {metric.name for metric in self.metrics()}

    def events(self) -> list[Any]:
        return self._all(logs.ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records")

    def _all(self, kind: type[Message], *lists: str) -> list[Any]:
        """What is in the ``lists``, one within the other, of all messages of a kind."""
        found: list[Any] = [message for message in self.received if isinstance(message, kind)]
        for name in lists:
            found = [inner for outer in found for inner in getattr(outer, name)]
        return found


class _Keeper:
    """Answers every export with a bare success."""

    def __init__(self, received: list[Message], response: type[Message]) -> None:
        self._received, self._response = received, response

    def Export(self, request: Message, context: grpc.ServicerContext) -> Message:  # noqa: N802 - gRPC's name
        self._received.append(request)
        return self._response()
