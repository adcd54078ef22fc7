"""Checks the queries of views with Prometheus; they stay unchecked when no Prometheus is running."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlencode

from dashboards.custom import CustomView
from dashboards.variables import fill

TIMEOUT_SECONDS = 5.0


class NoPrometheusError(Exception):
    """No Prometheus was available to check the queries."""


def problems(views: Iterable[CustomView], url: str) -> list[str]:
    """Returns a line for each query that the Prometheus at ``url`` rejects. Raises NoPrometheusError."""
    return [
        place + why
        for view in views
        for promql, place in view.places.items()
        if (why := _refusal(fill(promql, interval="5m", span="1h"), url))
    ]


def _refusal(promql: str, url: str) -> str:
    """Returns why Prometheus rejects a query, or "". Source: its HTTP API, "Formatting query expressions"."""
    if not url.startswith(("http://", "https://")):
        raise NoPrometheusError(f"{url} is not a valid address: it must begin with http:// or https://")
    request = urllib.request.Request(f"{url}/api/v1/format_query", urlencode({"query": promql}).encode())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        try:
            return f"Prometheus says: {json.loads(error.read())['error']}"
        except (ValueError, KeyError, TypeError):
            raise NoPrometheusError(f"{url} is not a Prometheus: its answer has another form") from None
    except (OSError, ValueError):
        raise NoPrometheusError(f"no Prometheus answers at {url}") from None
