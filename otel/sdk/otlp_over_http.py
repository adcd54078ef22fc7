"""The arguments of the SDK's OTLP exporters over HTTP, and how they send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import requests
from opentelemetry.exporter.http.transport._base import BaseHTTPResult
from opentelemetry.exporter.http.transport._requests import RequestsHTTPTransport
from opentelemetry.exporter.otlp.proto.http import Compression

from otel.sdk.otlp import Target


def over_http(to: Target) -> dict[str, Any]:
    """Returns the arguments of an exporter."""
    return {
        "endpoint": to.endpoint,
        "headers": to.headers,
        "timeout": to.seconds,
        "compression": Compression.Gzip if to.gzip else Compression.NoCompression,
        "_transport": _transport(to),
    }


def _transport(to: Target) -> RequestsHTTPTransport:
    session = requests.Session()
    session.trust_env = False  # with it, ~/.netrc replaces our Authorization, and REQUESTS_CA_BUNDLE our certificates
    session.proxies.update(requests.utils.get_environ_proxies(to.endpoint))
    pair = (to.client_certificate, to.client_key) if to.client_certificate and to.client_key else None
    return _CountedRefusals(verify=to.certificate or True, cert=pair, session=session)


class _CountedRefusals(RequestsHTTPTransport):
    """Adds an error to the answer of a receiver that refuses.

    The exporter counts what it sent as accepted unless there is an error, and takes only a broken connection for one.
    """

    def request(self, method: str, url: str, **options: Any) -> BaseHTTPResult:
        answer = super().request(method, url, **options)
        refused = answer.status_code is not None and answer.status_code >= 400
        return replace(answer, error=requests.HTTPError()) if refused else answer
