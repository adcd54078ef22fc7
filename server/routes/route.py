"""A route as data: its path, its handler, and its operation in /openapi.json, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PUT", "DELETE"]
Operation = dict[str, Any]
"""An OpenAPI 3.1 operation object."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What only the running server knows of the requests that it accepts."""

    voices: Sequence[str]
    """The names that a request may give, aliases included."""
    max_characters: int

    @property
    def text(self) -> dict[str, Any]:
        """The schema of a text."""
        return {"type": "string", "minLength": 1, "maxLength": self.max_characters}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: Method
    path: str
    handler: Handler
    operation: Operation | Callable[[RequestLimits], Operation] | None
    """The operation in /openapi.json; None leaves the route out, as for the files of the console."""
    head: bool = True
    """Whether a GET route answers HEAD too."""

    def describe(self, limits: RequestLimits) -> Operation | None:
        """Returns the operation for a server with these limits."""
        return self.operation(limits) if callable(self.operation) else self.operation

    def definition(self) -> web.RouteDef:
        """Returns the route as aiohttp takes it."""
        if self.method == "GET":
            return web.get(self.path, self.handler, allow_head=self.head)
        return web.route(self.method, self.path, self.handler)
