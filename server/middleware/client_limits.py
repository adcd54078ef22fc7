"""The limits of clients: refuses a request over one of them, and says in each response what is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from otel.contract.metrics import RATE_LIMITED
from otel.sdk.recording import Metrics
from server.access.caller import Caller, caller_of
from server.access.clients import Clients
from server.access.limiter import PERMIT, Limiter, Permit
from server.errors import RangeNotSatisfiable, SpeechError
from server.middleware.envelope import RESPONSE
from server.middleware.matched_route import route_path


class ClientLimits:
    """A middleware that holds the requests of ``paths`` to the limits of their client. It stands behind the one that
    authenticates the caller."""

    __middleware_version__ = 1

    def __init__(
        self,
        limiter: Limiter,
        clients: Clients,
        metrics: Metrics,
        paths: Collection[str],
        sockets: Collection[str] = (),
    ) -> None:
        """``sockets`` are the paths of WebSockets, whose handshakes don't count: each of their utterances does."""
        self._limiter = limiter
        self._clients = clients
        self._metrics = metrics
        self._paths = frozenset(paths)
        self._sockets = frozenset(sockets)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = route_path(request)
        if path not in self._paths or (request.method == hdrs.METH_GET and path in self._sockets):
            return await handler(request)
        caller, client = caller_of(request), self._clients.key(request)
        async with permitted(self._limiter, self._metrics, caller, client, partial(_has_begun, request)) as permit:
            if permit is not None:
                request[PERMIT] = permit
                await permit.enter()
            return await handler(request)


@asynccontextmanager
async def permitted(
    limiter: Limiter, metrics: Metrics, caller: Caller, client: str, begun: Callable[[], bool]
) -> AsyncIterator[Permit | None]:
    """Yields the permit of a request, which must enter it; None if no limit applies. ``begun`` returns whether the
    client has been sent part of its audio, which it can use although the rest failed."""
    permit = limiter.permit(caller, client)
    if permit is None:
        yield None
        return
    failed = True
    try:
        yield permit
        failed = False
    except SpeechError as error:
        if error.limit is not None:
            metrics.add(RATE_LIMITED, 1, reason=error.limit)
        failed = not (begun() or isinstance(error, RangeNotSatisfiable))  # its audio was made
        raise
    except (ConnectionError, TimeoutError, asyncio.CancelledError):  # the client has left
        failed = False
        raise
    finally:
        permit.leave(failed=failed)


def _has_begun(request: web.Request) -> bool:
    """Returns whether a response has begun."""
    response = request.get(RESPONSE)
    return response is not None and response.prepared


async def decorate_limits(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Adds RateLimit-Policy and RateLimit to the response of a request with limits; aiohttp sends this signal before
    the first byte."""
    permit = request.get(PERMIT)
    if permit is not None:
        response.headers.update(await permit.fields())
