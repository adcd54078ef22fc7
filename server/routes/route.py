"""A route as data: its path, its handler, and its operation in /openapi.json."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from otel.contract.values import AuditEvent
from server.access.caller import Scope
from server.middleware.envelope import ErrorFormat
from server.middleware.expectation import defer
from server.utterance import VOICE_NAME

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PUT", "DELETE"]
Operation = dict[str, Any]
"""An OpenAPI 3.1 operation object."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits on requests that only the running server knows."""

    voices: Sequence[str]
    """The voice names that any request may use, aliases included."""
    max_characters: int
    registration: bool = False
    """Whether clients can register further voices. Their names are not described, since each is one tenant's."""

    @property
    def text(self) -> dict[str, Any]:
        """The schema of a text."""
        return {"type": "string", "minLength": 1, "maxLength": self.max_characters}

    def voice(self, *, optional: bool = False) -> dict[str, Any]:
        """Returns the schema of a voice's name, which may be empty if it is ``optional``."""
        if self.registration:
            others = [re.escape(name) for name in self.voices if not VOICE_NAME.fullmatch(name)]  # aliases
            name = "|".join((VOICE_NAME.pattern, *others))
            pattern = f"^({name})?$" if optional else f"^({name})$" if others else f"^{name}$"
            return {"type": "string", "pattern": pattern, "examples": list(self.voices)}
        return {"type": "string", "enum": [*([""] if optional else []), *self.voices]}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: Method
    path: str
    handler: Handler
    scope: Scope | None
    """The scope that a key needs for it; None for what anybody may read."""
    operation: Operation | Callable[[RequestLimits], Operation] | None
    """The operation in /openapi.json; None omits the route, as for the console's files."""
    head: bool = True
    """Whether a GET route also accepts HEAD."""
    change: AuditEvent | None = None
    """What the audit log calls the change that it makes; None for a route that changes nothing."""
    error_format: ErrorFormat | None = None
    """The format of its errors; None for OpenAI's."""

    def describe(self, limits: RequestLimits) -> Operation | None:
        """Returns the operation for a server with these limits."""
        return self.operation(limits) if callable(self.operation) else self.operation

    def definition(self) -> web.RouteDef:
        """Returns the route as an aiohttp route definition."""
        if self.method == "GET":
            return web.get(self.path, self.handler, allow_head=self.head, expect_handler=defer)
        return web.route(self.method, self.path, self.handler, expect_handler=defer)


def scopes(routes: Iterable[Route]) -> dict[tuple[str, str], Scope | None]:
    """Returns the scope that each route needs, by method and path; HEAD needs that of GET."""
    needed: dict[tuple[str, str], Scope | None] = {(route.method, route.path): route.scope for route in routes}
    return needed | {("HEAD", path): scope for (method, path), scope in needed.items() if method == "GET"}


def changes(routes: Iterable[Route]) -> dict[tuple[str, str], AuditEvent]:
    """Returns the events of the routes that change something, by method and path."""
    return {(route.method, route.path): route.change for route in routes if route.change is not None}


def error_formats(routes: Iterable[Route]) -> dict[str, ErrorFormat]:
    """Returns the formats of errors by path, where they are not OpenAI's."""
    return {route.path: route.error_format for route in routes if route.error_format is not None}


def limited(routes: Iterable[Route]) -> frozenset[str]:
    """Returns the paths whose requests count for the limits of clients: those that speak, read or register."""
    return frozenset(
        route.path for route in routes if route.scope in (Scope.SPEAK, Scope.VOICES) and route.method != "GET"
    )
