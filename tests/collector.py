"""Real OTLP receivers, over gRPC and over HTTP, for all three signals; they keep every byte that comes in."""

from __future__ import annotations

import gzip
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

from tests.certificates import Certificates

PATHS: dict[str, tuple[type[Message], type[Message]]] = {
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
    "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
}


class Received:
    """What a receiver has received."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.headers: list[dict[str, str]] = []
        """The headers of each export, or its metadata; their names are in lower case."""

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


class Collector(Received):
    """Listens for gRPC on a free port of the loopback until ``stop``; with ``certificates`` only for TLS with a
    client's certificate."""

    def __init__(self, certificates: Certificates | None = None) -> None:
        super().__init__()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        traces_grpc.add_TraceServiceServicer_to_server(_Keeper(self, traces.ExportTraceServiceResponse), self._server)
        metrics_grpc.add_MetricsServiceServicer_to_server(
            _Keeper(self, metrics.ExportMetricsServiceResponse), self._server
        )
        logs_grpc.add_LogsServiceServicer_to_server(_Keeper(self, logs.ExportLogsServiceResponse), self._server)
        if certificates is None:
            self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        else:
            pair = certificates.server_key.read_bytes(), certificates.server.read_bytes()
            credentials = grpc.ssl_server_credentials([pair], certificates.authority.read_bytes(), True)
            self.endpoint = f"https://127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', credentials)}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=1).wait()


class _Keeper:
    """Answers every export with a bare success."""

    def __init__(self, receiver: Received, response: type[Message]) -> None:
        self._receiver, self._response = receiver, response

    def Export(self, request: Message, context: grpc.ServicerContext) -> Message:  # noqa: N802 - gRPC's name
        self._receiver.headers.append(dict(context.invocation_metadata()))
        self._receiver.received.append(request)
        return self._response()


class HTTPCollector(Received):
    """Listens for HTTP on a free port of the loopback until ``stop``; with ``certificates`` only for TLS with a
    client's certificate. It answers every export with ``status``."""

    def __init__(self, certificates: Certificates | None = None, status: int = 200) -> None:
        super().__init__()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                request, response = PATHS[self.path]
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                receiver.received.append(request.FromString(body))
                answer = response().SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server, certificates.server_key)
            context.load_verify_locations(certificates.authority)
            context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
