"""Calls of the cluster's API, for what asks often: a kubectl each time would cost more than the answer."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 30.0


class Api:
    """The API at ``url``, as the owner of the certificate admin.crt in ``certificates``."""

    def __init__(self, url: str, certificates: Path) -> None:
        self._url = url
        self._context = ssl.create_default_context(cafile=certificates / "ca.crt")
        self._context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")

    def get(self, path: str) -> dict[str, Any]:
        """Returns the object at ``path``. Raises OSError."""
        return dict(json.loads(self._call("GET", path)))

    def list(self, path: str) -> list[dict[str, Any]]:
        """Returns the objects of a list. Raises OSError."""
        return list(self.get(path)["items"])

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Creates an object. Raises OSError."""
        self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Deletes an object. Raises OSError."""
        self._call("DELETE", path)

    def is_ready(self) -> bool:
        """Whether the API answers, and has started everything."""
        try:
            return self._call("GET", "/readyz") == b"ok"
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``. Raises OSError."""
        try:
            self._call("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path, content, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS, context=self._context) as response:
            return bytes(response.read())
