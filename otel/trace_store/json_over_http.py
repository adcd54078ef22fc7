"""A client of a store's HTTP API that needs only the standard library, for commands."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel.trace_store.store import TraceStoreError

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class JsonOverHttp:
    """A GetJson for the store at ``url``, the base of an http or https address."""

    url: str
    timeout_seconds: float = 10.0

    def __call__(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        """Returns the JSON at ``path``, or None for status 404. Raises TraceStoreError for any other response."""
        if not self.url.startswith(("http://", "https://")):
            raise TraceStoreError(f"{self.url} is not an http address.")
        address = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise TraceStoreError(f"{self.url} answers with status {error.code}.") from None
        except (OSError, http.client.HTTPException):
            raise TraceStoreError(f"Nothing answers at {self.url}.") from None
        except ValueError:
            raise TraceStoreError(f"What answers at {self.url} is not a trace store.") from None
