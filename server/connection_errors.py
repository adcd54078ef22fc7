"""The errors of connections and the heads of requests; ``errors.py`` has all others."""

from __future__ import annotations

from otel.contract.values import Side
from server.speech_error import SpeechError


class HeadersTooLarge(SpeechError):
    """A header, or all headers together, are too long."""

    status = 431


class TooManyConnections(SpeechError):
    """All connections of the server are in use. A new connection gets this answer before it sends a request."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class UpgradeRequired(SpeechError):
    """The path takes only WebSockets."""

    status = 426

    @property
    def headers(self) -> dict[str, str]:
        return {"Upgrade": "websocket", "Connection": "Upgrade"}


class UriTooLong(SpeechError):
    """The URL is longer than the longest text, percent-encoded, needs."""

    status = 414
