"""GET /health, the liveness check, and GET /ready, the readiness check."""

from __future__ import annotations

from aiohttp import web

from server.errors import ShuttingDown
from server.routes.operations import reads
from server.routes.route import Route
from server.routes.schemas import TEXT, each
from server.synthesis.admission import Admission
from server.synthesis.synthesizer import Synthesizer

STATUS = each(status=TEXT)


class HealthRoutes:
    """The routes that orchestrators and load balancers probe."""

    def __init__(self, synthesizer: Synthesizer, admission: Admission) -> None:
        self._synthesizer = synthesizer
        self._admission = admission

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/health", self.health, None, reads("Whether the process is alive.", STATUS)),
            Route(
                "GET",
                "/ready",
                self.ready,
                None,
                reads("Whether it can speak: 503 until a voice has spoken, and at its end.", STATUS),
            ),
        )

    async def health(self, request: web.Request) -> web.Response:
        """Responds with 200 at once, without waiting for anything."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Responds with 200 while at least one provider can speak, until the server stops."""
        if self._admission.closed:
            raise ShuttingDown("the server is shutting down")
        self._synthesizer.check_ready()
        return web.json_response({"status": "ready"})
