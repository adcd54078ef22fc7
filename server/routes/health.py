"""GET /health: is the process alive; GET /ready: can it speak."""

from __future__ import annotations

from aiohttp import web

from server.errors import ShuttingDown
from server.synthesis.admission import Admission
from server.synthesis.synthesizer import Synthesizer

HEALTH_PATH = "/health"
READY_PATH = "/ready"


async def health(request: web.Request) -> web.Response:
    """The handler of GET /health; waits for nothing."""
    return web.json_response({"status": "ok"})


class ReadyRoute:
    """The handler of GET /ready: 200 while at least one provider can speak, until the server stops."""

    def __init__(self, synthesizer: Synthesizer, admission: Admission) -> None:
        self._synthesizer = synthesizer
        self._admission = admission

    async def __call__(self, request: web.Request) -> web.Response:
        if self._admission.closed:
            raise ShuttingDown("the server is shutting down")
        self._synthesizer.check_ready()
        return web.json_response({"status": "ready"})
