"""The route that a request has matched."""

from __future__ import annotations

from aiohttp import web


def route_path(request: web.Request) -> str:
    """Returns the path of the route as it is defined, which nobody but us has written; empty if none matched."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
