"""Finds out who sent a request, by its API key, and whether they may use its route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from otel.contract.values import AuthenticationResult
from server.access.caller import ANONYMOUS, CALLER, Caller, Scope
from server.access.clients import Clients
from server.access.failed_attempts import FailedAttempts
from server.access.key_record import KeyRecord
from server.access.keyring import Keyring
from server.errors import (
    ConflictingApiKeys,
    InsufficientScope,
    InvalidApiKey,
    MissingApiKey,
    SpeechError,
    TooManyFailedAttempts,
)
from server.middleware.envelope import RECORD
from server.middleware.matched_route import route_path

KEY_HEADERS = ("X-API-Key", "xi-api-key")
"""The headers that hold a key and nothing else; the second is ElevenLabs'."""
ATTEMPT: web.RequestKey[tuple[AuthenticationResult, KeyRecord | None]] = web.RequestKey("attempt")
"""The result of checking a request, and the key that it was sent with, if that is known."""
QUERY_KEY = "api_key"
"""The field of a WebSocket's query that may hold a key, since a browser can't give it headers."""
SCHEMES = frozenset({"bearer", "token"})
"""The schemes of Authorization, in lower case; the second is Deepgram's."""
SUBPROTOCOL = "token"
"""The subprotocol of a WebSocket behind which Deepgram's clients in browsers send a key as another subprotocol."""
HOW = "send it as Authorization: Bearer, X-API-Key or xi-api-key"
MESSAGES = {
    AuthenticationResult.MALFORMED: "this is not an API key of this server, or it has a typing error",
    AuthenticationResult.UNKNOWN: "this API key was not issued by this server",
    AuthenticationResult.REVOKED: "this API key was revoked or replaced",
    AuthenticationResult.EXPIRED: "this API key has expired",
}


class AttemptRecorder(Protocol):
    """What records each request that a key was needed for."""

    def attempted(self, result: AuthenticationResult, key_name: str | None) -> None:
        """Records one result; ``key_name`` is None if no key is known to belong to the request."""


class Authentication:
    """A middleware that gives each request its caller. It reads no body and waits for nothing.

    Public routes need no key, and one that is sent to them is not looked at. Neither is any key while the server has
    none; everybody is ANONYMOUS then.
    """

    __middleware_version__ = 1

    def __init__(
        self,
        keyring: Keyring,
        clients: Clients,
        scopes: Mapping[tuple[str, str], Scope | None],
        failures: FailedAttempts,
        *,
        public: Iterable[Scope] = (),
        anonymous: Caller = ANONYMOUS,
        recorders: Sequence[AttemptRecorder] = (),
        query_keys: bool = False,
    ) -> None:
        """``scopes`` are those that routes need, by method and path. Routes that need one of ``public`` need no key.
        ``anonymous`` is everybody while the server has no key. ``query_keys`` allows keys in a WebSocket's query."""
        self._keyring = keyring
        self._clients = clients
        self._scopes = scopes
        self._failures = failures
        self._public = frozenset(public)
        self._anonymous = anonymous
        self._recorders = recorders
        self._query_keys = query_keys

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.check(request)
        return await handler(request)

    def check(self, request: web.Request) -> None:
        """Sets the request's caller. Raises the SpeechErrors for keys that are missing, invalid or not enough."""
        scope = self._scope(request)
        if scope is None or scope in self._public:
            return
        if not self._keyring.required:
            self._enter(request, self._anonymous)
            if not self._anonymous.may(scope):
                raise MissingApiKey(f"this path needs an API key with the scope {scope}, and the server has no key yet")
            return
        keys = self._keys(request)
        if not keys:
            self._report(request, AuthenticationResult.MISSING)
            raise MissingApiKey(f"this path needs an API key with the scope {scope}: {HOW}")
        if len(keys) > 1:
            self._fail(request, AuthenticationResult.MALFORMED, ConflictingApiKeys("two different API keys were sent"))
        result, record = self._keyring.identify(keys.pop())
        if record is None or result is not AuthenticationResult.OK:
            self._fail(request, result, InvalidApiKey(MESSAGES[result]), record)
        caller = self._keyring.caller(record)
        self._enter(request, caller)
        if not caller.may(scope):
            self._report(request, AuthenticationResult.FORBIDDEN, record)
            raise InsufficientScope(scope)
        self._report(request, result, record)

    def _scope(self, request: web.Request) -> Scope | None:
        """Returns the scope that the route needs; None for a public one, and for a path or method that does not exist.
        Raises KeyError for a route that nobody has given a rule."""
        match = request.match_info
        if match.http_exception is not None:
            return None
        return self._scopes[match.route.method, route_path(request)]

    def _keys(self, request: web.Request) -> set[str]:
        """Returns the different keys of a request."""
        headers = request.headers
        keys = {value.strip() for name in KEY_HEADERS for value in headers.getall(name, ())}
        for value in headers.getall(hdrs.AUTHORIZATION, ()):
            kind, _, credentials = value.strip().partition(" ")
            if kind.lower() in SCHEMES:
                keys.add(credentials.strip())
        if headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            name, _, credentials = headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").partition(",")
            if name.strip().lower() == SUBPROTOCOL:
                keys.add(credentials.strip())
            if self._query_keys:
                keys.update(request.query.getall(QUERY_KEY, ()))
        return keys - {""}

    def _enter(self, request: web.Request, caller: Caller) -> None:
        request[CALLER] = caller
        if RECORD in request:
            request[RECORD].caller = caller

    def _fail(
        self, request: web.Request, result: AuthenticationResult, error: SpeechError, record: KeyRecord | None = None
    ) -> NoReturn:
        """Counts a failed attempt and raises ``error``, or TooManyFailedAttempts."""
        self._report(request, result, record)
        seconds = self._failures.add(self._clients.address(request))
        if seconds:
            raise TooManyFailedAttempts(
                "too many requests from this address had an invalid API key", retry_after=seconds
            )
        raise error

    def _report(self, request: web.Request, result: AuthenticationResult, record: KeyRecord | None = None) -> None:
        request[ATTEMPT] = result, record
        for recorder in self._recorders:
            recorder.attempted(result, record.name if record is not None else None)
