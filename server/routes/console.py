"""GET /: the console, a page to enter text, listen, and see what the server did; static files, no external ones."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from server.routes.route import Route

FOLDER = Path(__file__).parent.parent / "console"
FILES = {"/": "index.html", "/console.css": "console.css", "/console.js": "console.js"}
POLICY = "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


async def page(request: web.Request) -> web.FileResponse:
    """Responds with one of the page's files."""
    return web.FileResponse(FOLDER / FILES[request.path], headers={"Content-Security-Policy": POLICY})


ROUTES = tuple(Route("GET", path, page, None, None) for path in FILES)
