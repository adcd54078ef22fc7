"""The web pages that may call a port: it refuses others (CSRF), and lets those of allowed origins read (CORS)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from server.errors import OriginNotAllowed

EVERY = "*"
PAGES = frozenset({"/", "/docs"})
"""The paths to which pages of other origins may link. They show nothing that depends on who opens them."""
METHODS = "GET, HEAD, POST, PUT, DELETE"
REQUEST_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "xi-api-key",
        "content-type",
        "x-request-id",
        "traceparent",
        "tracestate",
        "range",
        "if-range",
    }
)
SDK_PREFIX = "x-stainless-"
"""OpenAI's SDK describes itself in headers with this prefix. The server ignores them."""
EXPOSED_HEADERS = ", ".join(
    (
        "X-Request-ID",
        "X-Trace-ID",
        "Server-Timing",
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
        "X-TTS-Provider",
        "X-TTS-Cache",
        "X-TTS-Seed",
        "X-TTS-Word-Count-Range",
        "X-TTS-Character-Count-Range",
        "X-TTS-Ignored",
        "X-TTS-Verification",
        "X-TTS-Word-Error-Rate",
        "Accept-Ranges",
        "Content-Range",
        "ETag",
    )
)
"""The response headers that scripts of allowed origins may read, in addition to those that browsers always show."""
PREFLIGHT_SECONDS = 7200
"""How long a browser may remember a preflight: the most that Chromium accepts."""

REMEMBERED = 256
"""The number of pairs of Origin and Host whose comparison is cached."""


class Origins:
    """A middleware that refuses requests of web pages whose origin is not allowed.

    A browser sends ``Sec-Fetch-Site`` (to https and the loopback) and ``Origin`` (with every method but GET and HEAD,
    and with CORS); no script can forge them. Programs send neither, and pass.

    ``preflight`` is a middleware too. It goes outside the gate: a preflight is no call for audio and has no key.
    """

    __middleware_version__ = 1

    def __init__(self, allowed: Iterable[str] = (), pages: Iterable[str] = ()) -> None:
        """``pages`` are the paths to which other origins may link."""
        self._allowed = frozenset(allowed)
        self._pages = frozenset(pages)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Raises OriginNotAllowed."""
        if not (self._allows(request.headers.get(hdrs.ORIGIN)) or _from_own_page(request) or self._navigates(request)):
            raise OriginNotAllowed(
                "a web page of another origin may not call this server; TTSCOPE_ALLOWED_ORIGINS sets those that may"
            )
        return await handler(request)

    @web.middleware
    async def preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers the preflight of an allowed origin: the OPTIONS request by which a browser asks before a call."""
        requested = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        if request.method != hdrs.METH_OPTIONS or not requested or not self._allows(request.headers.get(hdrs.ORIGIN)):
            return await handler(request)
        headers = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS,
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(filter(_may_be_sent, _names(headers))),
                hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_SECONDS),
            },
        )

    async def decorate(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Adds the CORS headers, to errors too; aiohttp sends this signal before the first byte of a response."""
        if not self._allowed:
            return
        if EVERY not in self._allowed:
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and self._allows(origin):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = EVERY if EVERY in self._allowed else origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS

    def _allows(self, origin: str | None) -> bool:
        return EVERY in self._allowed or origin in self._allowed

    def _navigates(self, request: web.Request) -> bool:
        """Returns whether a browser opens a page of this server in a tab, by a link from another site."""
        return (
            request.path in self._pages
            and request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
            and request.headers.get("Sec-Fetch-Mode") == "navigate"
            and request.headers.get("Sec-Fetch-Dest") == "document"
        )


def _from_own_page(request: web.Request) -> bool:
    """Returns whether a page of this server sent the request, or no page at all."""
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin":  # the browser compared the origins; a proxy may have changed scheme, name and port
        return True
    origin = request.headers.get(hdrs.ORIGIN)
    return site in (None, "none") and (origin is None or _is_same(origin, request.headers.get(hdrs.HOST, "")))


@lru_cache(REMEMBERED)
def _is_same(origin: str, host: str) -> bool:
    """Returns whether an origin has the name of the header Host, and its port if that names one.

    The scheme is not compared, nor a port that Host does not name, because a proxy may have changed them.
    """
    try:
        ours, theirs = urlsplit(f"//{host}"), urlsplit(origin)
        same_name = bool(ours.hostname) and ours.hostname == theirs.hostname
        return same_name and ours.port in (None, theirs.port or _DEFAULT_PORTS.get(theirs.scheme))
    except ValueError:  # no valid port or IPv6 address
        return False


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _names(header: str) -> Iterable[str]:
    return (name.strip().lower() for name in header.split(","))


def _may_be_sent(name: str) -> bool:
    """Returns whether an allowed page may send a header of this name."""
    sdk = name.removeprefix(SDK_PREFIX)
    return name in REQUEST_HEADERS or (sdk != name and sdk.replace("-", "").isalnum() and sdk.isascii())
