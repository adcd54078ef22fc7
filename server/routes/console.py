"""GET /: the console, a page to enter text, listen, and see what the server did; static files, no external ones."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from server.routes.route import Route

_SERVER = Path(__file__).parent.parent
CONSOLE, PLAYER = _SERVER / "console", _SERVER / "player"
MODULES = ("api", "history", "main", "page", "reading", "result", "strip", "transport", "voices")
"""The page's modules, of which ``main`` imports the others."""
FILES = {
    "/": CONSOLE / "index.html",
    "/console.css": CONSOLE / "console.css",
    **{f"/console/{name}.js": CONSOLE / f"{name}.js" for name in MODULES},
    "/player.js": PLAYER / "player.js",
}
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


async def page(request: web.Request) -> web.FileResponse:
    """Responds with one of the page's files."""
    return web.FileResponse(FILES[request.path], headers={"Content-Security-Policy": POLICY})


ROUTES = tuple(Route("GET", path, page, None, None) for path in FILES)
