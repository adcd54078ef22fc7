"""Whether Prometheus itself understands the questions of views; without one at hand, nothing is said."""

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
    """It can't be asked."""


def problems(views: Iterable[CustomView], url: str) -> list[str]:
    """A line for each question that the Prometheus at ``url`` does not understand. Raises NoPrometheusError."""
    return [
        place + why
        for view in views
        for promql, place in view.places.items()
        if (why := _refusal(fill(promql, interval="5m", span="1h"), url))
    ]


def _refusal(promql: str, url: str) -> str:
    """Why Prometheus refuses it, "" if it does not. Source: its HTTP API, "Formatting query expressions"."""
    if not url.startswith(("http://", "https://")):
        raise NoPrometheusError(f"{url} is no address of a Prometheus: it begins with http:// or https://")
    request = urllib.request.Request(f"{url}/api/v1/format_query", urlencode({"query": promql}).encode())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        try:
            return f"Prometheus says: {json.loads(error.read())['error']}"
        except (ValueError, KeyError, TypeError):
            raise NoPrometheusError(f"{url} answers as no Prometheus does") from None
    except (OSError, ValueError):
        raise NoPrometheusError(f"there is no Prometheus at {url}") from None
